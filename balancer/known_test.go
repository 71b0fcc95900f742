package balancer

import (
	"net/netip"
	"slices"
	"testing"
)

// A node whose addresses are known with it has them at once, and counts its sessions at each together with its predecessor.
func TestANodeHasTheAddressesThatAreKnownOfIt(t *testing.T) {
	var r Registry
	a, b, c := netip.MustParseAddrPort("10.0.0.1:1883"), netip.MustParseAddrPort("[fd00::1]:1883"), netip.MustParseAddrPort("[fd00::2]:1883")
	join := func(addrs ...netip.AddrPort) *Node {
		t.Helper()
		p, err := NewPool(PoolSpec{Name: "p", Algorithm: RandomTwo, Nodes: []NodeSpec{{Name: "n", Address: a.String(), Addrs: addrs}}})
		if err != nil {
			t.Fatal(err)
		}
		r.Join(p)
		return p.Nodes()[0]
	}
	first := join(a, b)
	if got := first.Addrs(); !slices.Equal(got, []netip.AddrPort{a, b}) || !first.LookedUp() {
		t.Fatalf("the addresses are %v", got)
	}
	visit := first.BeginVisit(b)
	again, other, single := join(a, b), join(a, c), join()
	if !again.Same(first) || other.Same(first) || single.Same(first) {
		t.Error("nodes are the same at other addresses, or not at the same")
	}
	other.BeginVisit(c)
	if first.OpenAt()[b] != 1 || again.OpenAt()[b] != 1 || other.OpenAt()[c] != 1 || other.OpenAt()[a] != 0 {
		t.Errorf("the sessions at the addresses are %d, %d, %d and %d", first.OpenAt()[b], again.OpenAt()[b], other.OpenAt()[c], other.OpenAt()[a])
	}
	again.EndVisit(visit)
	if first.OpenAt()[b] != 0 {
		t.Error("a session that has ended counts at its address")
	}
}
