package balancer

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// visits counts the open sessions at each address of a node that has several. A session keeps the place of its
// address, which is one byte. The place is the address's until it is gone and its last session has ended.
type visits struct {
	open [MaxAddrs]atomic.Int64

	mu    sync.Mutex // guards the field below
	addrs [MaxAddrs]netip.AddrPort
}

// noPlace is the place of an address whose sessions are not counted apart.
const noPlace = 0xff

// places returns the places of addresses. One address alone needs none.
func (v *visits) places(addrs []netip.AddrPort) []uint8 {
	if len(addrs) < 2 {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	places := make([]uint8, len(addrs))
	for i, a := range addrs {
		places[i] = v.placeLocked(a, addrs)
	}
	return places
}

// placeLocked returns the place of an address, one of those that are in use now.
func (v *visits) placeLocked(a netip.AddrPort, inUse []netip.AddrPort) uint8 {
	free := uint8(noPlace)
	for i, has := range v.addrs {
		if has == a {
			return uint8(i)
		}
		if free == noPlace && v.open[i].Load() == 0 && !slices.Contains(inUse, has) {
			free = uint8(i)
		}
	}
	if free != noPlace {
		v.addrs[free] = a
	}
	return free
}

// Visit is a session at one address of a node. The zero Visit is not counted.
type Visit uint8

// BeginVisit counts a session at an address, if the node has several. Call EndVisit once, on this node or on
// one that counts together with it, see [Registry].
func (n *Node) BeginVisit(at netip.AddrPort) Visit {
	a := n.condition.addrs.Load()
	if a == nil || len(a.place) == 0 {
		return 0
	}
	for i, has := range a.all {
		if has == at && a.place[i] != noPlace {
			n.count.visits.open[a.place[i]].Add(1)
			return Visit(a.place[i] + 1)
		}
	}
	return 0
}

// EndVisit ends what BeginVisit has returned.
func (n *Node) EndVisit(v Visit) {
	if v > 0 {
		n.count.visits.open[v-1].Add(-1)
	}
}

// OpenAt returns how many of the open sessions are at each address. Those that are not counted apart, because the
// node has one address or the session has not reached it, are at the one that is dialled first.
func (n *Node) OpenAt() map[netip.AddrPort]int64 {
	at, rest := map[netip.AddrPort]int64{}, n.Open()
	v := n.count.visits
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range v.open {
		if open := v.open[i].Load(); open > 0 {
			at[v.addrs[i]] += open
			rest -= open
		}
	}
	for i, a := range n.DialOrder() {
		if at[a] += 0; i == 0 {
			at[a] += max(rest, 0) // sessions may end while they are counted
		}
	}
	return at
}
