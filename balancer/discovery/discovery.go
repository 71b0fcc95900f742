// Package discovery keeps the addresses of nodes that are configured by host name.
//
//	d := discovery.New(pool.Nodes(), net.DefaultResolver, log)
//	d.Resolve(ctx) // so that the first session finds addresses
//	go d.Run(ctx)
//
// It changes the addresses of the nodes that it was given, and never makes nodes
// of addresses: a node is one broker, and its name is what clients are hashed to.
package discovery

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"mqttlb/balancer"
)

const (
	// Interval is from one round of look-ups to the next. A broker that moves, as
	// a pod does when it is restarted, needs longer than ten seconds to start;
	// and a resolver does not notice a question in ten seconds.
	Interval = 10 * time.Second

	// lookupTimeout is longer than the five seconds after which resolvers ask
	// their second server, and shorter than Interval, so that rounds do not pile up.
	lookupTimeout = 8 * time.Second
)

var errNoAddress = errors.New("the answer holds no address")

// Resolver looks host names up. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Discovery looks up the host names of nodes.
type Discovery struct {
	resolver Resolver
	hosts    []*host
}

// host is a name and the nodes that are reached by it. One goroutine at a time
// touches it.
type host struct {
	name  string
	nodes []*balancer.Node
	log   *slog.Logger
	last  []netip.Addr // of the last good answer, in order
	err   string       // of the last look-up; empty: it went well
}

// New returns a discovery for the nodes, of any number of pools, that are
// configured by host name. Nodes of one name share its look-ups.
func New(nodes []*balancer.Node, resolver Resolver, log *slog.Logger) *Discovery {
	d := &Discovery{resolver: resolver}
	byName := make(map[string]*host)
	for _, n := range nodes {
		if _, err := netip.ParseAddr(n.Host); err == nil {
			continue
		}
		h := byName[n.Host]
		if h == nil {
			h = &host{name: n.Host, log: log.With("host", n.Host)}
			byName[n.Host] = h
			d.hosts = append(d.hosts, h)
		}
		h.nodes = append(h.nodes, n)
	}
	return d
}

// Resolve looks every name up once, all at the same time, and returns when the
// last answer is in, after 8 seconds at most. It is not called beside Run.
func (d *Discovery) Resolve(ctx context.Context) {
	var round sync.WaitGroup
	for _, h := range d.hosts {
		// Ends with the look-up, which ends by lookupTimeout.
		round.Go(func() { h.resolve(ctx, d.resolver) })
	}
	round.Wait()
}

// Run resolves at every Interval until ctx is done; no look-up outlives it.
func (d *Discovery) Run(ctx context.Context) {
	rounds := time.NewTicker(Interval)
	defer rounds.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-rounds.C:
			d.Resolve(ctx)
		}
	}
}

// resolve looks the name up and tells the nodes of a change. An error leaves them
// the last good addresses: a resolver that is away is no reason to lose the
// brokers that it knew.
func (h *host) resolve(ctx context.Context, resolver Resolver) {
	lookup, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	addrs, err := resolver.LookupNetIP(lookup, "ip", h.name)
	if ctx.Err() != nil {
		return // it was cut short and says nothing
	}
	if err == nil && len(addrs) == 0 {
		err = errNoAddress
	}
	if err != nil {
		// The same error every ten seconds is one line.
		if text := err.Error(); text != h.err {
			h.err = text
			h.log.Warn("host name does not resolve", "error", err, "kept", len(h.last))
		}
		return
	}
	// Resolvers turn the order round. Sessions go to the first address: sorted, it
	// is the same on every replica and does not change from answer to answer.
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	addrs = slices.Compact(addrs)
	if h.err != "" {
		h.err = ""
		h.log.Info("host name resolves again", "addresses", addrs)
	}
	if slices.Equal(addrs, h.last) {
		return
	}
	if h.last != nil {
		h.log.Info("host name has other addresses", "addresses", addrs, "before", h.last)
	}
	h.last = addrs
	for _, n := range h.nodes {
		ports := make([]netip.AddrPort, len(addrs))
		for i, a := range addrs {
			ports[i] = netip.AddrPortFrom(a, n.Port)
		}
		n.SetAddrs(ports)
	}
}
