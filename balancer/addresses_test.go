package balancer

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"testing"
)

func addrPorts(addrs ...string) (all []netip.AddrPort) {
	for _, a := range addrs {
		all = append(all, netip.MustParseAddrPort(a))
	}
	return all
}

func namedNode(t *testing.T) *Node {
	t.Helper()
	p, err := NewPool(PoolSpec{Name: "pool", Nodes: []NodeSpec{{Name: "a", Address: "broker.example:1"}}})
	if err != nil {
		t.Fatal(err)
	}
	return p.Nodes()[0]
}

func TestAddressesAreDialledGoodOnesFirstAndFamiliesInTurn(t *testing.T) {
	const v4a, v4b, v4c, v6a, v6b = "10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "[2001:db8::1]:1", "[2001:db8::2]:1"
	for _, tt := range []struct{ all, bad, want []string }{
		{[]string{v4a}, []string{v4a}, []string{v4a}},
		{[]string{v4a, v4b}, nil, []string{v4a, v4b}},
		{[]string{v4a, v4b, v4c, v6a, v6b}, nil, []string{v4a, v6a, v4b, v6b, v4c}},
		{[]string{v6a, v6b, v4a}, nil, []string{v6a, v4a, v6b}},
		{[]string{v4a, v4b, v4c, v6a, v6b}, []string{v4a, v6a}, []string{v4b, v6b, v4c, v4a, v6a}},
		{[]string{v4a, v4b, v6a, v6b}, []string{v4a, v4b}, []string{v6a, v6b, v4a, v4b}},
		{[]string{v4a, v4b, v6a}, []string{v4a, v4b, v6a}, []string{v4a, v6a, v4b}},
		{[]string{v4a, v4b}, []string{v4c}, []string{v4a, v4b}},
	} {
		n := namedNode(t)
		n.SetAddrs(addrPorts(tt.all...))
		n.SetBadAddrs(addrPorts(tt.bad...))
		if got := fmt.Sprint(n.DialOrder()); got != fmt.Sprint(addrPorts(tt.want...)) {
			t.Errorf("%v, bad %v: %s, want %v", tt.all, tt.bad, got, tt.want)
		}
		if got := fmt.Sprint(n.Addrs()); got != fmt.Sprint(addrPorts(tt.all...)) {
			t.Errorf("%v became %s", tt.all, got)
		}
	}
}

func TestAnAddressThatStaysKeepsItsVerdictAndOneThatComesBackDoesNot(t *testing.T) {
	const a, b, c = "10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"
	n := namedNode(t)
	n.SetAddrs(addrPorts(a, b))
	n.SetBadAddrs(addrPorts(a))
	for _, step := range []struct{ set, want []string }{
		{[]string{a, c}, []string{c, a}},
		{[]string{b, c}, []string{b, c}},
		{[]string{a, b}, []string{a, b}},
	} {
		n.SetAddrs(addrPorts(step.set...))
		if got := fmt.Sprint(n.DialOrder()); got != fmt.Sprint(addrPorts(step.want...)) {
			t.Errorf("%v: %s, want %v", step.set, got, step.want)
		}
	}
}

func TestANodeHasAtMostMaxAddrs(t *testing.T) {
	n := namedNode(t)
	var all []netip.AddrPort
	for i := range MaxAddrs + 5 {
		all = append(all, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 1))
	}
	n.SetAddrs(all)
	if got := n.DialOrder(); len(n.Addrs()) != MaxAddrs || len(got) != MaxAddrs || got[MaxAddrs-1] != all[MaxAddrs-1] {
		t.Errorf("%v", got)
	}
}

func TestVisitsAreCountedByAddress(t *testing.T) {
	const a, b, c = "10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"
	n := namedNode(t)
	want := func(counts map[string]int64) {
		t.Helper()
		all := map[netip.AddrPort]int64{}
		for at, open := range counts {
			all[netip.MustParseAddrPort(at)] = open
		}
		if got := n.OpenAt(); fmt.Sprint(got) != fmt.Sprint(all) {
			t.Errorf("%v, want %v", got, all)
		}
	}
	begin := func(at string) Visit {
		if !n.Acquire() {
			t.Fatal("no room")
		}
		return n.BeginVisit(netip.MustParseAddrPort(at))
	}
	want(nil)
	n.SetAddrs(addrPorts(a))
	first := begin(a) // one address: it is not counted apart
	want(map[string]int64{a: 1})
	n.SetAddrs(addrPorts(a, b))
	n.SetBadAddrs(addrPorts(a))
	second, third := begin(b), begin(b)
	want(map[string]int64{a: 0, b: 3}) // the first counts where the next would be dialled
	n.SetAddrs(addrPorts(a, c))
	fourth := begin(c)
	want(map[string]int64{a: 0, b: 2, c: 2})
	for _, v := range []Visit{second, third, fourth, first} {
		n.EndVisit(v)
		n.Release()
	}
	want(map[string]int64{a: 0, c: 0})
	for i := range 10 * MaxAddrs { // places are used again
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 1)
		n.SetAddrs([]netip.AddrPort{at, netip.MustParseAddrPort(a)})
		v := n.BeginVisit(at)
		if v == 0 {
			t.Fatalf("no place for address %d", i)
		}
		n.EndVisit(v)
	}
}

func TestErrorOfAllAddressesMeansWhatDecides(t *testing.T) {
	refused, late := error(syscall.ECONNREFUSED), error(syscall.ETIMEDOUT)
	all := func(errs ...error) (all AddrErrors) {
		for i, err := range errs {
			all = append(all, AddrError{netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 1), fmt.Errorf("dial: %w", err)})
		}
		return all
	}
	for _, tt := range []struct {
		err   error
		short Shortage
		late  bool
	}{
		{all(refused, refused), NoShortage, false},
		{all(refused, late), NoShortage, true},
		{all(late, refused), NoShortage, true},
		{all(refused, syscall.EADDRNOTAVAIL), Ports, false},
		{all(syscall.EADDRNOTAVAIL, late, syscall.EMFILE), Descriptors, false},
	} {
		if short := ShortageOf(tt.err); short != tt.short || TimedOut(tt.err) != tt.late || !errors.Is(tt.err, tt.err.(AddrErrors)[0].Err) {
			t.Errorf("%v: %v, late %t", tt.err, short, TimedOut(tt.err))
		}
	}
	if got := all(refused, late).Error(); got != "10.0.0.0:1: dial: connection refused; 10.0.0.1:1: dial: connection timed out" {
		t.Error(got)
	}
}

func TestNodeIsUnusableIfAllItsAddressesAre(t *testing.T) {
	n := namedNode(t)
	at := addrPorts("10.0.0.1:1", "10.0.0.2:1")
	n.SetAddrs(at)
	why := errors.New("a listener of this process")
	n.SetUnusable(AddrErrors{{at[0], why}})
	if n.Unusable() != nil || n.UnusableAt(at[0]) != why || n.UnusableAt(at[1]) != nil {
		t.Error("one address")
	}
	n.SetUnusable(AddrErrors{{at[0], why}, {at[1], why}})
	if n.Unusable() != why {
		t.Error("both")
	}
	n.SetUnusable(nil)
	if n.Unusable() != nil || n.UnusableAt(at[0]) != nil {
		t.Error("none")
	}
}
