package balancer

import (
	"net/netip"
	"slices"
)

// MaxAddrs is how many addresses of one node are used, the first ones in their order. It limits what an answer
// of the DNS costs: each address is probed, and a session may try all of them.
const MaxAddrs = 32

// addresses are the resolved addresses of a node. All of them lead to the same broker. It is immutable.
type addresses struct {
	all   []netip.AddrPort // as they were set
	bad   []netip.AddrPort // those at which the health checks do not find the node
	order []netip.AddrPort // all, in the order in which to dial them
	place []uint8          // of each of all in the node's visits, or noPlace
}

// Addrs returns the resolved addresses of Address, as they were set. It is empty until a host name is
// resolved. The caller must not change the slice.
func (n *Node) Addrs() []netip.AddrPort {
	if a := n.condition.addrs.Load(); a != nil {
		return a.all
	}
	return nil
}

// DialOrder returns Addrs in the order in which to dial them: first those at which the last probe found the
// node, and of these one of each family in turn (RFC 8305, 4). The caller must not change the slice.
func (n *Node) DialOrder() []netip.AddrPort {
	if a := n.condition.addrs.Load(); a != nil {
		return a.order
	}
	return nil
}

// IsLiteral reports whether the node is configured by IP address, so that it has one address for ever.
func (n *Node) IsLiteral() bool {
	_, err := netip.ParseAddr(n.Host)
	return err == nil
}

// LookedUp reports whether SetAddrs was called: an empty Addrs then says that the host name has no
// address, and otherwise that it is not known yet.
func (n *Node) LookedUp() bool { return n.condition.addrs.Load() != nil }

// SetAddrs replaces the resolved addresses by those that are given, at most MaxAddrs of them. Without any, the host
// name does not resolve. What SetBadAddrs has said of an address that stays still holds.
func (n *Node) SetAddrs(addrs []netip.AddrPort) {
	addrs = slices.Clone(addrs[:min(len(addrs), MaxAddrs)])
	n.changeAddrs(func(a *addresses) { a.all, a.place = addrs, n.count.visits.places(addrs) })
}

// SetBadAddrs sets at which of the addresses the last probe did not find the node. They are dialled last.
func (n *Node) SetBadAddrs(bad []netip.AddrPort) {
	bad = slices.Clone(bad)
	n.changeAddrs(func(a *addresses) { a.bad = bad })
}

// changeAddrs replaces the addresses by a changed copy.
func (n *Node) changeAddrs(change func(*addresses)) {
	for {
		before, next := n.condition.addrs.Load(), addresses{}
		if before != nil {
			next = *before
		}
		change(&next)
		next.bad = slices.DeleteFunc(slices.Clone(next.bad), func(a netip.AddrPort) bool { return !slices.Contains(next.all, a) })
		next.order = dialOrder(next.all, next.bad)
		if n.condition.addrs.CompareAndSwap(before, &next) {
			return
		}
	}
}

// dialOrder returns the addresses in the order in which to dial them: those that are not bad, then those that
// are, and in each of these parts the families in turn, beginning with the family of its first address.
func dialOrder(all, bad []netip.AddrPort) []netip.AddrPort {
	if len(all) < 2 {
		return all
	}
	order := make([]netip.AddrPort, 0, len(all))
	for _, isBad := range []bool{false, true} {
		var families [2][]netip.AddrPort // the family of the first address is the first
		for _, a := range all {
			if slices.Contains(bad, a) != isBad {
				continue
			}
			family := 0
			if first := families[0]; len(first) > 0 && first[0].Addr().Is4() != a.Addr().Is4() {
				family = 1
			}
			families[family] = append(families[family], a)
		}
		for i := range max(len(families[0]), len(families[1])) {
			for _, family := range families {
				if i < len(family) {
					order = append(order, family[i])
				}
			}
		}
	}
	return order
}
