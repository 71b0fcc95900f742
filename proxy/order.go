package proxy

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
	"strings"
)

// SessionOrder is the order of a list of sessions.
type SessionOrder uint8

// The orders. Sessions that are equal in it come in the order of their identifiers.
const (
	ByAge      SessionOrder = iota // the oldest first
	BySilence                      // the one that is silent for the longest time first
	ByReceived                     // by bytes from the client, the most first
	BySent                         // by bytes to the client, the most first
	ByRate                         // by packets a second in both directions, the most first
	ByClientID
)

var orderNames = []string{ByAge: "age", BySilence: "silent", ByReceived: "received", BySent: "sent", ByRate: "rate", ByClientID: "client_id"}

// String returns the name of the order in the API.
func (o SessionOrder) String() string { return orderNames[o] }

// ParseSessionOrder parses the name of an order. An empty name is ByAge.
func ParseSessionOrder(s string) (SessionOrder, error) {
	if s == "" {
		return ByAge, nil
	}
	if i := slices.Index(orderNames, s); i >= 0 {
		return SessionOrder(i), nil
	}
	return 0, fmt.Errorf("sort %q is unknown; it is one of %s", s, strings.Join(orderNames, ", "))
}

// compare is less than 0 if a comes before b.
func (o SessionOrder) compare(a, b *SessionInfo) int {
	var c int
	switch o {
	case ByAge:
		c = a.Began.Compare(b.Began) // the loops' clocks of this moment differ, and so do the ages
	case BySilence:
		c = cmp.Compare(b.Silent, a.Silent)
	case ByReceived:
		c = cmp.Compare(b.Received, a.Received)
	case BySent:
		c = cmp.Compare(b.Sent, a.Sent)
	case ByRate:
		c = cmp.Compare(b.PacketsPerSecond, a.PacketsPerSecond)
	case ByClientID:
		c = cmp.Compare(a.ClientID, b.ClientID)
	}
	return cmp.Or(c, cmp.Compare(a.ID, b.ID))
}

// ranking keeps the first sessions in an order, at most limit, and counts all.
type ranking struct {
	order SessionOrder
	limit int
	total int
	kept  []SessionInfo // a heap: the last in the order is at the top
}

// add adds a session.
func (r *ranking) add(s *SessionInfo) {
	r.total++
	switch {
	case len(r.kept) < r.limit:
		heap.Push(r, *s)
	case r.order.compare(s, &r.kept[0]) < 0:
		r.kept[0] = *s
		heap.Fix(r, 0)
	}
}

// sorted returns the kept sessions in the order. The ranking is not used after it.
func (r *ranking) sorted() []SessionInfo {
	slices.SortFunc(r.kept, func(a, b SessionInfo) int { return r.order.compare(&a, &b) })
	return r.kept
}

// Len, Less, Swap, Push and Pop are heap.Interface.
func (r *ranking) Len() int { return len(r.kept) }

func (r *ranking) Less(i, j int) bool { return r.order.compare(&r.kept[i], &r.kept[j]) > 0 }
func (r *ranking) Swap(i, j int)      { r.kept[i], r.kept[j] = r.kept[j], r.kept[i] }

// Push appends a session.
func (r *ranking) Push(x any) { r.kept = append(r.kept, x.(SessionInfo)) }

// Pop is never called: nothing is taken out.
func (r *ranking) Pop() any { panic("ranking: nothing is taken out") }
