package match

import (
	"cmp"
	"net/netip"
	"slices"
)

// Networks finds the networks of an address among thousands.
type Networks struct {
	sorted []netip.Prefix // by address, then by length
	within []int32        // as in prefixes
}

// NewNetworks returns the set of these networks, which are masked and not IPv4 within IPv6.
func NewNetworks(networks []netip.Prefix) *Networks {
	n := &Networks{sorted: slices.Compact(slices.SortedFunc(slices.Values(networks), func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	}))}
	n.within = chains(n.sorted, func(inner, outer netip.Prefix) bool { return outer.Contains(inner.Addr()) })
	return n
}

// holds reports whether an address is in one of the networks.
func (n *Networks) holds(a netip.Addr) bool {
	return n == nil || n.narrowest(a) >= 0
}

// narrowest returns the index of the smallest network of an address, or -1. Its chain in within leads to the larger ones.
func (n *Networks) narrowest(a netip.Addr) int {
	if !a.IsValid() {
		return -1
	}
	a = a.Unmap().WithZone("")
	low, high := 0, len(n.sorted)
	for low < high {
		if middle := (low + high) / 2; n.sorted[middle].Addr().Compare(a) <= 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	i := low - 1
	for i >= 0 && !n.sorted[i].Contains(a) {
		i = int(n.within[i])
	}
	return i
}
