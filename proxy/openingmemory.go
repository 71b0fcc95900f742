package proxy

import (
	"container/heap"
	"container/list"
	"sync"

	"mqttlb/proxy/opening"
)

// openingMemory bounds the memory that all clients together hold before they are sessions: the
// beginnings of a CONNECT, a ClientHello or a request, and unfinished TLS handshakes. Above the limit the
// address that holds the most loses its oldest opening. So a flood from one address evicts itself. A
// flood from many addresses, each of which holds no more than a good client, evicts its own oldest
// openings, which have stalled the longest.
//
// The address with the most openings, however little they hold, gives places among the connections away; see
// giveWay.
//
// The openings of a trusted proxy are those of its clients, who are not known yet. So each counts as if it had
// an address of its own.
//
// A CONNECT that arrives whole in the first read, as nearly all do, counts nothing here.
type openingMemory struct {
	mu        sync.Mutex // guards the fields below, and those of every holding and holder
	limit     int64      // bytes; 0: none
	held      int64      // bytes of all openings
	byAddress map[holderKey]*holder
	tops      map[*port]*ordered // by port; none is empty
	opened    uint64             // the number of the last holding
}

// holding is the memory that one opening holds.
type holding struct {
	memory *openingMemory
	by     *holder       // nil: it was removed
	place  *list.Element // in by.openings
	bytes  int64
	number uint64
	lost   loss
	evict  func() // ends the opening; called with the lock held, from any goroutine
}

// loss says why an opening was evicted.
type loss uint8

const (
	lostNothing loss = iota // it was not evicted
	lostMemory
	lostPlace
)

// holder is an address with openings on one port. Sessions that wait for their node, and have no place
// to give away, hold memory on the port nil.
type holder struct {
	key      holderKey
	bytes    int64
	openings list.List   // of *holding, the oldest first
	index    [orders]int // in the heaps of its port
}

type holderKey struct {
	from holderAddress
	port *port
}

// holderAddress is an address, or in its place the number of an opening whose client is not known.
type holderAddress struct {
	address addressKey // the zero address for clients on a Unix socket
	unknown uint64     // 0: the address is known
}

// addressLocked returns the address of an opening that begins now.
func (m *openingMemory) addressLocked(from opening.Client) holderAddress {
	if from.Shared {
		return holderAddress{unknown: m.opened + 1}
	}
	return holderAddress{address: keyOf(from.Source.Addr())}
}

func newOpeningMemory() *openingMemory {
	return &openingMemory{byAddress: map[holderKey]*holder{}, tops: map[*port]*ordered{}}
}

// begin begins to count an opening of a client. at is the port where it has a place that it can give
// away, or nil. evict must not block and must not call the holding.
func (m *openingMemory) begin(from opening.Client, at *port, evict func()) *holding {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := holderKey{m.addressLocked(from), at}
	by := m.byAddress[key]
	if by == nil {
		by = &holder{key: key}
		m.byAddress[key] = by
		if m.tops[at] == nil {
			m.tops[at] = &ordered{{by: byBytes}, {by: byNumber}}
		}
		for i := range m.tops[at] {
			heap.Push(&m.tops[at][i], by)
		}
	}
	m.opened++
	h := &holding{memory: m, by: by, number: m.opened, evict: evict}
	h.place = by.openings.PushBack(h)
	m.tops[at].fix(by)
	return h
}

// set sets the bytes that the opening holds, and evicts openings until all are within the limit. It
// may be called from any goroutine. It does nothing for an evicted opening or for nil.
func (h *holding) set(n int64) {
	if h == nil {
		return
	}
	m := h.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if h.by == nil {
		return
	}
	m.held += n - h.bytes
	h.by.bytes += n - h.bytes
	h.bytes = n
	m.tops[h.by.key.port].fix(h.by)
	m.fitLocked()
}

// size returns the bytes that all openings hold.
func (m *openingMemory) size() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held
}

// setLimit sets the limit, 0 for none, and evicts openings until all are within it.
func (m *openingMemory) setLimit(limit int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = limit
	m.fitLocked()
}

func (m *openingMemory) fitLocked() {
	for m.limit > 0 && m.held > m.limit {
		m.topLocked(byBytes, func(*port) bool { return true }).evictLocked(lostMemory)
	}
}

// topLocked returns the address that comes first on the given ports, or nil if there is none.
func (m *openingMemory) topLocked(by order, on func(*port) bool) (top *holder) {
	for p, tops := range m.tops {
		if first := tops[by].list[0]; on(p) && (top == nil || first.before(top, by)) {
			top = first
		}
	}
	return top
}

// giveWay evicts an opening on one of the given ports to make room for a new connection of another
// address: the oldest of the address with the most of them there, if it has more than the new connection's
// address would have. So a flood makes room for others and not for itself, and good clients,
// of which each has one, make room for nobody. It reports whether it has evicted one.
func (m *openingMemory) giveWay(from opening.Client, on func(*port) bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	h, address := m.topLocked(byNumber, func(p *port) bool { return p != nil && on(p) }), m.addressLocked(from)
	if h == nil || h.key.from == address {
		return false
	}
	own := 0
	if same := m.byAddress[holderKey{address, h.key.port}]; same != nil {
		own = same.openings.Len()
	}
	if h.openings.Len() <= own+1 {
		return false
	}
	h.evictLocked(lostPlace)
	return true
}

// evictLocked evicts the oldest opening of the address.
func (h *holder) evictLocked(why loss) {
	oldest := h.openings.Front().Value.(*holding)
	oldest.lost = why
	oldest.removeLocked()
	oldest.evict()
}

// end uncounts the opening and reports whether it was evicted before. It may be called twice, and on nil.
func (h *holding) end() loss {
	if h == nil {
		return lostNothing
	}
	h.memory.mu.Lock()
	defer h.memory.mu.Unlock()
	h.removeLocked()
	return h.lost
}

func (h *holding) removeLocked() {
	m, by := h.memory, h.by
	if by == nil {
		return
	}
	h.by = nil
	by.openings.Remove(h.place)
	by.bytes -= h.bytes
	m.held -= h.bytes
	tops := m.tops[by.key.port]
	if by.openings.Len() > 0 {
		tops.fix(by)
		return
	}
	for i := range tops {
		heap.Remove(&tops[i], by.index[i])
	}
	if tops[byBytes].Len() == 0 {
		delete(m.tops, by.key.port)
	}
	delete(m.byAddress, by.key)
}

// order says which address loses an opening first.
type order uint8

const (
	byBytes  order = iota // the one that holds the most
	byNumber              // the one with the most openings
	orders
)

// before reports whether the address loses an opening before the other: it has more or, if it has as much, the
// older opening.
func (h *holder) before(other *holder, by order) bool {
	mine, its := h.bytes, other.bytes
	if by == byNumber {
		mine, its = int64(h.openings.Len()), int64(other.openings.Len())
	}
	if mine != its || h.openings.Len() == 0 || other.openings.Len() == 0 {
		return mine > its
	}
	return h.openings.Front().Value.(*holding).number < other.openings.Front().Value.(*holding).number
}

// fix restores the orders after a change of an address.
func (tops *ordered) fix(h *holder) {
	for i := range tops {
		heap.Fix(&tops[i], h.index[i])
	}
}

// ordered is addresses in each order.
type ordered [orders]holders

// holders is a heap with the address that loses an opening next at the top.
type holders struct {
	by   order
	list []*holder
}

func (h *holders) Len() int { return len(h.list) }

func (h *holders) Less(i, j int) bool { return h.list[i].before(h.list[j], h.by) }

func (h *holders) Swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.list[i].index[h.by], h.list[j].index[h.by] = i, j
}

// Push implements heap.Interface.
func (h *holders) Push(x any) {
	by := x.(*holder)
	by.index[h.by] = len(h.list)
	h.list = append(h.list, by)
}

// Pop implements heap.Interface.
func (h *holders) Pop() any {
	last := len(h.list) - 1
	by := h.list[last]
	h.list[last] = nil
	h.list = h.list[:last]
	return by
}
