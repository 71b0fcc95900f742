package dns

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// LookupAddrs implements [Resolver]. A and AAAA are asked at the same time. If one of them fails, the answer has the
// addresses of the other one, and the last good ones of the one that failed.
func (s *Stub) LookupAddrs(ctx context.Context, host string) (addrs []netip.Addr, ttl time.Duration, err error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, maxTTL, nil
	}
	defer func() { s.counters.count(ctx, err) }()
	if addrs := s.hostAddrs(ctx, host); len(addrs) > 0 {
		return addrs, hostsTTL, nil
	}
	if isLocalhost(host) {
		return slices.Clone(loopback), maxTTL, nil
	}
	ttl, err = s.search(ctx, host, func(up *upstream, fqdn string) (ttl time.Duration, err error) {
		addrs, ttl, err = s.askFamilies(ctx, up, fqdn)
		return ttl, err
	})
	return addrs, ttl, err
}

// familyTypes are the types of address records.
var familyTypes = [2]uint16{typeA, typeAAAA}

// familyAnswer is the answer to the question for one of familyTypes. An empty one is no error here.
type familyAnswer struct {
	family int
	addrs  []netip.Addr
	ttl    time.Duration
	err    error
}

// askFamilies asks for the addresses of a name.
func (s *Stub) askFamilies(ctx context.Context, up *upstream, fqdn string) ([]netip.Addr, time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan familyAnswer, len(familyTypes))
	for i := range familyTypes {
		go func() { results <- s.askFamily(ctx, up, fqdn, i) }() // ends with ctx, and is waited for
	}
	var answers [len(familyTypes)]familyAnswer
	var enough <-chan time.Time
	for missing := len(familyTypes); missing > 0; {
		select {
		case a := <-results:
			answers[a.family] = a
			missing--
			if len(a.addrs) > 0 {
				enough = time.After(otherFamily)
			}
		case <-enough:
			cancel()
		}
	}
	return s.last.merge(fqdn, answers)
}

// askFamily asks for the addresses of one family.
func (s *Stub) askFamily(ctx context.Context, up *upstream, fqdn string, family int) familyAnswer {
	a, err := s.ask(ctx, up, fqdn, familyTypes[family])
	if errors.Is(err, ErrNoRecords) {
		err = nil
	}
	return familyAnswer{family, a.addrs(), a.ttl, err}
}

// families are the last good answers of names, for when one family fails: the other one's answer must not look as if a
// dual-stack name had lost half of its addresses.
type families struct {
	mu   sync.Mutex // guards good
	good map[string]*[len(familyTypes)][]netip.Addr
}

// merge makes one answer of two. It fails if one has failed and the other one has no addresses: the callers keep their
// last good answer, and see that something is wrong.
func (f *families) merge(fqdn string, answers [len(familyTypes)]familyAnswer) (addrs []netip.Addr, ttl time.Duration, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := f.good[fqdn]
	if last == nil {
		last = new([len(familyTypes)][]netip.Addr)
	}
	failed, fresh := false, false
	ttl, empty := maxTTL, maxEmptyTTL
	for i, a := range answers {
		switch {
		case a.err != nil && !failed:
			failed, err = true, a.err
		case a.err != nil:
		case len(a.addrs) == 0:
			empty = min(empty, a.ttl)
			last[i] = nil
		default:
			fresh = true
			ttl = min(ttl, a.ttl)
			last[i] = a.addrs
		}
	}
	switch {
	case failed && !fresh:
		return nil, 0, err
	case !fresh:
		delete(f.good, fqdn)
		return nil, empty, emptyError(fqdn, "A or AAAA record")
	case failed:
		ttl = min(ttl, partialTTL)
	}
	if f.good == nil || len(f.good) >= maxRemembered {
		f.good = map[string]*[len(familyTypes)][]netip.Addr{}
	}
	f.good[fqdn] = last
	return sortedAddrs(slices.Concat(last[0], last[1])), ttl, nil
}
