package balancer

import (
	"net/netip"
	"slices"
)

// unusable are the addresses of a node that no session can use.
type unusable struct {
	at  AddrErrors
	all error // why no session can use the node; nil: sessions can, at another address
}

// SetUnusable sets which addresses no session can use, whatever the probes find, and why. If these are all that the node
// has, no session can use the node.
func (n *Node) SetUnusable(at AddrErrors) {
	if len(at) == 0 {
		n.condition.unusable.Store(nil)
		return
	}
	u := &unusable{at: at}
	if all := n.Addrs(); !slices.ContainsFunc(all, func(a netip.AddrPort) bool {
		return !slices.ContainsFunc(at, func(e AddrError) bool { return e.Addr == a })
	}) {
		u.all = at[0].Err
	}
	n.condition.unusable.Store(u)
}

// Unusable returns why no session can use the node, or nil.
func (n *Node) Unusable() error {
	if u := n.condition.unusable.Load(); u != nil {
		return u.all
	}
	return nil
}

// HasUnusable reports whether SetUnusable has found any address.
func (n *Node) HasUnusable() bool { return n.condition.unusable.Load() != nil }

// UnusableAt returns why no session can use an address of the node, or nil.
func (n *Node) UnusableAt(a netip.AddrPort) error {
	if u := n.condition.unusable.Load(); u != nil {
		for _, e := range u.at {
			if e.Addr == a {
				return e.Err
			}
		}
	}
	return nil
}
