package dns

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// Settings say which servers a Stub asks.
type Settings struct {
	// Servers are asked in this order, the next one if one does not answer; those after the third are not used. They get
	// names as they are written, without the search domains of the system. Empty: the servers and options of
	// /etc/resolv.conf.
	Servers []netip.AddrPort

	// Timeout is for one question to one of Servers; 0: DefaultTimeout.
	Timeout time.Duration
}

// Stub is a stub resolver. It asks the hosts file first, then the servers. Its methods may be called from any goroutine.
type Stub struct {
	hosts  *net.Resolver
	system system
	own    atomic.Pointer[upstream] // nil: system
	turns  chan struct{}            // holds a value for each question under way
	last   families

	counters counters
}

var _ Resolver = (*Stub)(nil)

// NewStub returns a Stub with settings.
func NewStub(settings Settings) *Stub {
	s := &Stub{hosts: &hostsFile, system: system{path: "/etc/resolv.conf"}, turns: make(chan struct{}, atOnce)}
	s.Set(settings)
	return s
}

// Set replaces the settings, and reports whether they are other ones. Look-ups under way go on with those before.
func (s *Stub) Set(settings Settings) bool {
	var next *upstream
	if len(settings.Servers) > 0 {
		next = &upstream{
			servers:  slices.Clone(settings.Servers[:min(len(settings.Servers), maxServers)]),
			timeout:  cmp.Or(settings.Timeout, DefaultTimeout),
			attempts: ownAttempts,
		}
	}
	before := s.own.Swap(next)
	if before == nil || next == nil {
		return before != next
	}
	return !slices.Equal(before.servers, next.servers) || before.timeout != next.timeout
}

// upstream returns the servers in force.
func (s *Stub) upstream() *upstream {
	if own := s.own.Load(); own != nil {
		return own
	}
	return s.system.read(time.Now())
}

// search tries what a name may stand for, until one has records.
func (s *Stub) search(ctx context.Context, name string, try func(up *upstream, fqdn string) (time.Duration, error)) (time.Duration, error) {
	up := s.upstream()
	names := up.names(name)
	if len(names) == 0 {
		return 0, fmt.Errorf("%q is not a name that DNS can have", name)
	}
	var empty, failed error
	least := maxEmptyTTL
	for _, fqdn := range names {
		ttl, err := try(up, fqdn)
		switch {
		case err == nil:
			return ttl, nil
		case errors.Is(err, ErrNoRecords):
			empty = err // the last one is for the name as it is written, or closest to it
			least = min(least, ttl)
		case failed == nil:
			failed = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if failed != nil { // one of the names may have records
		return 0, failed
	}
	return least, empty
}

// LookupSRV implements [Resolver]. It leaves out records whose target is the root, which say that there is no such
// service (RFC 2782), and those whose target or port nobody can connect to.
func (s *Stub) LookupSRV(ctx context.Context, name string) (records []SRV, ttl time.Duration, err error) {
	defer func() { s.counters.count(ctx, err) }()
	ttl, err = s.search(ctx, name, func(up *upstream, fqdn string) (time.Duration, error) {
		a, err := s.ask(ctx, up, fqdn, typeSRV)
		if err == nil {
			records, err = a.services()
		}
		return a.ttl, err
	})
	return records, ttl, err
}

// LookupPTR implements [Resolver]. It does not read the hosts file, which has other names on each machine: replicas must
// agree on the name of an address.
func (s *Stub) LookupPTR(ctx context.Context, addr netip.Addr) (names []string, ttl time.Duration, err error) {
	defer func() { s.counters.count(ctx, err) }()
	addr = addr.Unmap().WithZone("")
	ttl, err = s.search(ctx, arpa(addr), func(up *upstream, fqdn string) (time.Duration, error) {
		a, err := s.ask(ctx, up, fqdn, typePTR)
		if err == nil {
			names, err = a.names()
		}
		return a.ttl, err
	})
	return names, ttl, err
}
