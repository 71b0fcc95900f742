package proxy

import (
	"container/heap"
	"container/list"
	"net/netip"
	"sync"
)

// openingMemory bounds the memory that all clients together hold before they are sessions: the
// beginnings of a CONNECT, a ClientHello or a request, and unfinished TLS handshakes. Above the limit the
// address that holds the most loses its oldest opening. So a flood from one address evicts itself. A
// flood from many addresses, each of which holds no more than a good client, evicts its own oldest
// openings, which have stalled the longest.
//
// The same order decides which opening gives its place among the connections away; see giveWay.
//
// A CONNECT that arrives whole in the first read, as nearly all do, counts nothing here.
type openingMemory struct {
	mu        sync.Mutex // guards the fields below, and those of every holding and holder
	limit     int64      // bytes; 0: none
	held      int64      // bytes of all openings
	byAddress map[holderKey]*holder
	heaviest  map[*port]*holders // by port; none is empty
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
	openings list.List // of *holding, the oldest first
	index    int       // in the heap of its port
}

type holderKey struct {
	address addressKey
	port    *port
}

func newOpeningMemory() *openingMemory {
	return &openingMemory{byAddress: map[holderKey]*holder{}, heaviest: map[*port]*holders{}}
}

// begin begins to count an opening of an address, which is the zero address for clients on a Unix
// socket. at is the port where it has a place that it can give away, or nil. evict must not block and
// must not call the holding.
func (m *openingMemory) begin(from netip.Addr, at *port, evict func()) *holding {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := holderKey{keyOf(from), at}
	by := m.byAddress[key]
	if by == nil {
		by = &holder{key: key}
		m.byAddress[key] = by
		if m.heaviest[at] == nil {
			m.heaviest[at] = new(holders)
		}
		heap.Push(m.heaviest[at], by)
	}
	m.opened++
	h := &holding{memory: m, by: by, number: m.opened, evict: evict}
	h.place = by.openings.PushBack(h)
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
	heap.Fix(m.heaviest[h.by.key.port], h.by.index)
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
		m.heaviestLocked(func(*port) bool { return true }).evictLocked(lostMemory)
	}
}

// heaviestLocked returns the address that holds the most on the given ports, or nil if there is none.
func (m *openingMemory) heaviestLocked(on func(*port) bool) (heaviest *holder) {
	for p, tops := range m.heaviest {
		if top := (*tops)[0]; on(p) && (heaviest == nil || top.outweighs(heaviest)) {
			heaviest = top
		}
	}
	return heaviest
}

// giveWay evicts an opening on one of the given ports to make room for a new connection of another
// address: the oldest of the address that holds the most there, if that has more of them than the new
// connection's address would have. So a flood makes room for others and not for itself, and good clients,
// of which each has one, make room for nobody. It reports whether it has evicted one.
func (m *openingMemory) giveWay(from netip.Addr, on func(*port) bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.heaviestLocked(func(p *port) bool { return p != nil && on(p) })
	if h == nil || h.key.address == keyOf(from) {
		return false
	}
	own := 0
	if same := m.byAddress[holderKey{keyOf(from), h.key.port}]; same != nil {
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
	tops := m.heaviest[by.key.port]
	if by.openings.Len() > 0 {
		heap.Fix(tops, by.index)
		return
	}
	heap.Remove(tops, by.index)
	if tops.Len() == 0 {
		delete(m.heaviest, by.key.port)
	}
	delete(m.byAddress, by.key)
}

// outweighs reports whether the address loses an opening before the other: it holds more bytes, or as
// many and has the older opening.
func (h *holder) outweighs(other *holder) bool {
	if h.bytes != other.bytes || h.openings.Len() == 0 || other.openings.Len() == 0 {
		return h.bytes > other.bytes
	}
	return h.openings.Front().Value.(*holding).number < other.openings.Front().Value.(*holding).number
}

// holders is a heap with the address that loses an opening next at the top.
type holders []*holder

func (h holders) Len() int { return len(h) }

func (h holders) Less(i, j int) bool { return h[i].outweighs(h[j]) }

func (h holders) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *holders) Push(x any) {
	by := x.(*holder)
	by.index = len(*h)
	*h = append(*h, by)
}

// Pop implements heap.Interface.
func (h *holders) Pop() any {
	last := len(*h) - 1
	by := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return by
}
