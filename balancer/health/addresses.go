package health

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"mqttlb/balancer"
)

// A node may have several addresses, which all lead to the same broker. Each of them is probed. The node is what the
// best of them says: up if it was found up at one address. Rise and fall hold for the node, with one such result for
// each round of probes, and apart from that for each address.

// AddressStatus is the health of a node at one of its addresses.
type AddressStatus struct {
	Addr  netip.AddrPort
	State balancer.State
	Since time.Time     // last change of State; zero: never
	Took  time.Duration // duration of the last probe
	Err   error         // of the last result: why the node is not up there; nil: it is
}

// atAddress is the result of a probe of one address.
type atAddress struct {
	addr netip.AddrPort
	result
}

// probe is a probeFunc. It probes all addresses of the node, all at the same time.
func (p *prober) probe(ctx context.Context, n *balancer.Node) result {
	addrs := n.Addrs()
	if len(addrs) == 0 {
		return result{err: errUnresolved}
	}
	if err := n.Unusable(); err != nil {
		return result{err: err}
	}
	if len(addrs) == 1 {
		return p.probeAt(ctx, n, addrs[0])
	}
	all := make([]atAddress, len(addrs))
	offers := p.offersFor(addrs)
	var probes sync.WaitGroup
	for i, addr := range addrs {
		one := *p
		one.offer = offers[addr]
		one.clientID = p.clientIDAt(n, i)
		probe := func() {
			if err := n.UnusableAt(addr); err != nil {
				all[i] = atAddress{addr, result{err: err}}
				return
			}
			all[i] = atAddress{addr, one.probeAt(ctx, n, addr)}
		}
		if one.clientID == p.clientID {
			probe() // the broker would close one of two clients
			continue
		}
		probes.Go(probe) // ends at the timeout or with ctx
	}
	probes.Wait()
	return best(all)
}

// offersFor returns what was found at each address, and forgets what was found at others.
func (p *prober) offersFor(addrs []netip.AddrPort) map[netip.AddrPort]*offer {
	if p.offers == nil {
		p.offers = map[netip.AddrPort]*offer{}
	}
	for addr := range p.offers {
		if !slices.Contains(addrs, addr) {
			delete(p.offers, addr)
		}
	}
	for _, addr := range addrs {
		if p.offers[addr] == nil {
			p.offers[addr] = new(offer)
		}
	}
	return p.offers
}

// clientIDAt returns the client identifier for the probe of an address, by its index. It has another tag for each. It is
// that of all addresses if its pattern has no tag.
func (p *prober) clientIDAt(n *balancer.Node, i int) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	tag := p.tag
	if len(tag) > 0 {
		tag = tag[:len(tag)-1] + digits[i:i+1]
	}
	return newClientID(cmp.Or(p.check.ClientID, defaultClientID), tag, n)
}

// best returns the result for a node that was probed at several addresses. An address that could not be probed for want of our
// own resources comes before one that is down: the node might be up there.
func best(all []atAddress) result {
	rank := func(r *result) int {
		switch {
		case r.isShort():
			return 2
		case stateOf(r.err) == balancer.Down:
			return 3
		}
		return int(stateOf(r.err)) // less than 2
	}
	r := slices.MinFunc(all, func(a, b atAddress) int { return rank(&a.result) - rank(&b.result) }).result
	if rank(&r) == 3 {
		var errs balancer.AddrErrors
		for _, f := range all {
			errs = append(errs, balancer.AddrError{Addr: f.addr, Err: f.err})
			r.took = max(r.took, f.took)
		}
		r.err = errs
	}
	r.at = all
	return r
}

// addressWatch holds the verdicts on the addresses of a node that has several. The watcher's mutex guards it.
type addressWatch struct {
	order []netip.AddrPort // of the last round of probes
	seen  map[netip.AddrPort]*addressVerdict
}

// addressVerdict is the verdict on one address.
type addressVerdict struct {
	verdict
	last   balancer.State // what the last probe found
	status AddressStatus
}

// isBad reports whether sessions should try the other addresses first: one bad probe is enough.
func (v *addressVerdict) isBad() bool {
	return v.state == balancer.Down || v.last != balancer.Up
}

// bad returns the addresses that are tried last.
func (a *addressWatch) bad() (addrs []netip.AddrPort) {
	for _, addr := range a.order {
		if v := a.seen[addr]; v != nil && v.isBad() {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// suspect reports whether the last probe of an address contradicts the verdict that the node is there.
func (a *addressWatch) suspect() bool {
	for _, v := range a.seen {
		if v.state != balancer.Down && v.against > 0 {
			return true
		}
	}
	return false
}

func (a *addressWatch) report() (all []AddressStatus) {
	for _, addr := range a.order {
		if v := a.seen[addr]; v != nil {
			all = append(all, v.status)
		}
	}
	return all
}

// recordAddresses adds the results of a round to the verdicts on the addresses. It tells the node which of them are bad, and
// logs a line for each verdict that changed.
func (w *watcher) recordAddresses(round []atAddress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isStopped() || len(round) == 0 && len(w.addrs.order) == 0 {
		return
	}
	before := w.addrs.seen
	w.addrs = addressWatch{seen: map[netip.AddrPort]*addressVerdict{}}
	for i := range round {
		f := &round[i]
		v := before[f.addr]
		if v == nil {
			v = &addressVerdict{verdict: verdict{state: w.verdict.state}, status: AddressStatus{Addr: f.addr, State: w.verdict.state}}
		}
		w.addrs.order = append(w.addrs.order, f.addr)
		w.addrs.seen[f.addr] = v
		if !f.isShort() {
			w.addAddress(v, &f.result)
		}
	}
	w.node.SetBadAddrs(w.addrs.bad())
}

// addAddress adds a result to the verdict on an address.
func (w *watcher) addAddress(v *addressVerdict, r *result) {
	was := v.state
	v.rise, v.fall = w.check.Rise, w.check.Fall
	v.last = stateOf(r.err)
	changed := v.add(v.last, isSilent(r.err))
	s := &v.status
	s.State, s.Took, s.Err = v.state, r.took, r.err
	if changed {
		s.Since = time.Now()
	}
	switch {
	case changed && v.state == balancer.Down:
		w.log.Warn("an address of a node is down", "at", s.Addr, "reason", r.err)
	case changed && was == balancer.Down:
		w.log.Info("an address of a node is up", "at", s.Addr)
	}
}
