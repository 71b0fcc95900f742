package nodeset

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"mqttlb/balancer/dns"
)

// name is the name of an address.
type name struct {
	text    string    // empty: it has none
	below   bool      // it is below the host name that was looked up
	expires time.Time // then it is looked up again
}

// names are those of the addresses of one host name. In Kubernetes, the pods of a StatefulSet have ordinal host names
// below that of its headless service, and keep them when they get other addresses.
type names struct{ known map[netip.Addr]name }

// of returns the names of addresses. It looks up those that are not known or have expired, and forgets those of other
// addresses.
func (n *names) of(ctx context.Context, r dns.Resolver, host string, addrs []netip.Addr) map[netip.Addr]name {
	next, now := make(map[netip.Addr]name, len(addrs)), time.Now()
	var (
		mu    sync.Mutex // guards next
		round sync.WaitGroup
		turns = make(chan struct{}, namesAtOnce)
	)
	for _, a := range addrs {
		before, known := n.known[a]
		if known && now.Before(before.expires) {
			mu.Lock()
			next[a] = before
			mu.Unlock()
			continue
		}
		turns <- struct{}{}
		round.Go(func() { // ends with the look-ups, after nameTimeout at most
			defer func() { <-turns }()
			found := nameOf(ctx, r, host, a, before)
			mu.Lock()
			defer mu.Unlock()
			next[a] = found
		})
	}
	round.Wait()
	if ctx.Err() == nil {
		n.known = next
	}
	return next
}

// nameOf looks up the name of an address. Without a better answer the address keeps the one of before: a pod that is not
// ready, or a server that fails, must not make another node of it.
func nameOf(ctx context.Context, r dns.Resolver, host string, a netip.Addr, before name) name {
	limited, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	texts, ttl, err := r.LookupPTR(limited, a)
	before.expires = time.Now().Add(max(ttl, minNameTTL))
	if err != nil {
		return before
	}
	texts = slices.DeleteFunc(slices.Sorted(slices.Values(texts)), func(s string) bool { return !isHost(s) })
	for _, s := range texts {
		if isBelow(s, host) {
			return name{text: s, below: true, expires: before.expires}
		}
	}
	for _, s := range texts[:min(len(texts), maxForward)] {
		if strings.EqualFold(s, strings.TrimSuffix(host, ".")) {
			continue // all of them have it
		}
		addrs, _, err := r.LookupAddrs(limited, s)
		switch {
		case err == nil && (slices.Contains(addrs, a) || isThisMachine(addrs)):
			return name{text: s, expires: before.expires}
		case err != nil && !errors.Is(err, dns.ErrNoRecords):
			return before // it may be the name
		}
	}
	return before
}

// isThisMachine reports whether the addresses of a name are those that this machine alone has for it: Debian writes the
// machine's own name beside 127.0.1.1 into its hosts file. Its peers see the address that DNS has.
func isThisMachine(addrs []netip.Addr) bool {
	return !slices.ContainsFunc(addrs, func(a netip.Addr) bool { return !a.IsLoopback() })
}

// isBelow reports whether a name is below a host, which may lack its search domain.
func isBelow(s, host string) bool {
	host = strings.TrimSuffix(host, ".")
	at := strings.Index("."+s+".", "."+host+".")
	return at > 0
}
