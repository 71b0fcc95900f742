package nodeset

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// byAddress makes a node of each address of a host name.
func (w *watched) byAddress(ctx context.Context) ([]Node, time.Duration, error) {
	addrs, ttl, err := w.sets.resolver.LookupAddrs(ctx, w.Name)
	if err != nil {
		return nil, ttl, err
	}
	if len(addrs) > MaxNodes { // before their names are looked up
		return nil, ttl, fmt.Errorf("%s has %d addresses; at most %d are possible", w.Name, len(addrs), MaxNodes)
	}
	for _, a := range addrs {
		if a.IsUnspecified() || a.IsMulticast() || a == broadcast { // some filters answer with 0.0.0.0
			return nil, ttl, fmt.Errorf("%s has the address %v, which is not the address of one machine", w.Name, a)
		}
	}
	return group(addrs, w.names.of(ctx, w.sets.resolver, w.Name, addrs)), ttl, nil
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// group makes one node of the addresses that have the same name: those of a machine with IPv4 and IPv6, or of a pod
// whose old address has not left the answer.
func group(addrs []netip.Addr, found map[netip.Addr]name) []Node {
	of := map[string][]netip.Addr{}
	for _, a := range addrs {
		of[found[a].text] = append(of[found[a].text], a)
	}
	var nodes []Node
	for _, a := range addrs {
		text := found[a].text
		own := of[text]
		switch {
		case text == "", !found[a].below && severalOfAFamily(own): // a name of several machines is none of a machine
			nodes = append(nodes, Node{Name: a.String(), Addrs: []netip.Addr{a}, Weight: 1})
		case own[0] == a:
			slices.SortFunc(own, netip.Addr.Compare)
			nodes = append(nodes, Node{Name: text, Addrs: own, Weight: 1})
		}
	}
	sortNodes(nodes)
	return nodes
}

// severalOfAFamily reports whether two of the addresses are of one family.
func severalOfAFamily(addrs []netip.Addr) bool {
	four := 0
	for _, a := range addrs {
		if a.Is4() {
			four++
		}
	}
	return four > 1 || len(addrs)-four > 1
}
