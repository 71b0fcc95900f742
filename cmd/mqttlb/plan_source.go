package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"mqttlb/balancer"
	"mqttlb/config"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/source"
)

// addSource gives a pool its source addresses. A set that is the same as before goes on, so that connections to HTTP
// nodes do.
func (p *plan) addSource(pool *snapshot.Pool, c *config.Pool, before *plan, log *slog.Logger) {
	addresses := c.SourceAddresses()
	switch i := slices.IndexFunc(before.pools, func(old *snapshot.Pool) bool { return old.Name == pool.Name }); {
	case i >= 0 && before.pools[i].Source.IsTransparent() == c.Transparent && slices.Equal(before.pools[i].Source.Addresses(), addresses):
		pool.Source = before.pools[i].Source
	case c.Transparent:
		pool.Source = source.Transparent()
	case len(addresses) > 0:
		pool.Source = p.sources.New(pool.Name, addresses, log)
	}
}

// probeDial returns how probes of a pool connect: from its source addresses, so that a firewall before the nodes
// sees no others; nil: as the kernel likes.
func probeDial(pool *snapshot.Pool) func(context.Context, *net.Dialer, string) (net.Conn, error) {
	if pool.Source == nil {
		return nil
	}
	return func(ctx context.Context, d *net.Dialer, address string) (net.Conn, error) {
		return pool.Source.Dial(ctx, d, address, netip.Addr{})
	}
}

// sourceWarnings describes the source addresses that cannot be used on this host. They are no errors: the file may be
// for another host, and an address that moves between two hosts may come later.
func (p *plan) sourceWarnings() (all []config.Error) {
	for i := range p.config.Pools {
		c := &p.config.Pools[i]
		faults := map[int][]*balancer.SourceError{} // by the item of source, which may be a network
		for _, fault := range sourceFaults(p.pools[i].Source) {
			item := c.SourceOf(fault.Source)
			faults[item] = append(faults[item], fault)
		}
		for _, item := range slices.Sorted(maps.Keys(faults)) {
			at := fmt.Sprintf("pools[%d].source", i)
			if len(c.Source) > 1 {
				at = fmt.Sprintf("%s[%d]", at, item)
			}
			text := fmt.Sprintf("pool %q: %v", c.Name, faults[item][0])
			if more := len(faults[item]) - 1; more > 0 {
				text += fmt.Sprintf("; nor can %d more of %v be used", more, c.Source[item])
			}
			all = append(all, p.config.Fault(at, text))
		}
		if p.pools[i].Source.IsTransparent() {
			if err := mayBeTransparent(); err != nil {
				all = append(all, p.config.Fault(fmt.Sprintf("pools[%d].transparent", i), fmt.Sprintf("pool %q: %v", c.Name, err)))
			}
		}
	}
	return all
}

// sourceFaults lists the addresses that cannot be used now.
func sourceFaults(s *source.Set) (faults []*balancer.SourceError) {
	for _, a := range s.Addresses() {
		if err := reactor.CanBind(a, false); err != nil && balancer.ShortageOf(err) != balancer.Descriptors {
			faults = append(faults, &balancer.SourceError{Source: a, Bind: true, Err: err})
		}
	}
	return faults
}

// checkTransparent returns an error if a pool is transparent and this process may not be.
func (p *plan) checkTransparent() error {
	for i, pool := range p.pools {
		if !pool.Source.IsTransparent() {
			continue
		}
		if err := mayBeTransparent(); err != nil {
			return p.config.Fault(fmt.Sprintf("pools[%d].transparent", i), fmt.Sprintf("pool %q: %v", pool.Name, err))
		}
	}
	return nil
}

// mayBeTransparent returns an error if this process may not use the addresses of its clients.
func mayBeTransparent() error {
	err := reactor.CanBind(netip.AddrFrom4([4]byte{127, 0, 0, 1}), true)
	switch {
	case errors.Is(err, syscall.EPERM):
		return errors.New("needs the capability CAP_NET_ADMIN or CAP_NET_RAW, as AmbientCapabilities=CAP_NET_RAW in the unit of systemd")
	case err != nil:
		return fmt.Errorf("cannot be used here: %w", err)
	}
	return nil
}
