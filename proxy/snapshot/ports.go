package snapshot

import (
	"cmp"
	"net/netip"
	"slices"
)

// PortUse is how many connections to an address of a node begin at one source address. Each needs a port of its own.
type PortUse struct {
	To     netip.AddrPort
	Source netip.Addr // not valid: the kernel chooses
	Used   int64
}

// mostPortUses limits what PortsUsed lists, which is 256 sources for each of a thousand nodes at most.
const mostPortUses = 1000

// PortsUsed counts the connections to the nodes of pools, in the order of nodes and sources. Nodes of several pools can
// have one address. If there are more than mostPortUses pairs, the list has, for each address of a node, the source with
// the most connections alone. Transparent pools have no part in it: each client has an address of its own.
func PortsUsed(pools []*Pool) []PortUse {
	type pair struct {
		to     netip.AddrPort
		source netip.Addr
	}
	used := map[pair]int64{}
	for _, p := range pools {
		for _, n := range p.Nodes() {
			if p.Source.IsTransparent() {
				continue
			}
			for to, open := range n.OpenAt() { // empty while its name is not resolved
				if !p.Source.Has(to) {
					used[pair{to: to}] += open
					continue
				}
				for _, u := range p.Source.Uses(to) {
					used[pair{to, u.Source()}] = u.Open() // of all pools
				}
			}
		}
	}
	list := make([]PortUse, 0, len(used))
	for of, n := range used {
		list = append(list, PortUse{of.to, of.source, n})
	}
	byNode := func(a, b PortUse) int { return a.To.Compare(b.To) }
	if len(list) > mostPortUses {
		slices.SortFunc(list, func(a, b PortUse) int {
			return cmp.Or(byNode(a, b), cmp.Compare(b.Used, a.Used), a.Source.Compare(b.Source))
		})
		return slices.CompactFunc(list, func(a, b PortUse) bool { return a.To == b.To })
	}
	slices.SortFunc(list, func(a, b PortUse) int { return cmp.Or(byNode(a, b), a.Source.Compare(b.Source)) })
	return list
}
