package proxy

import (
	"container/heap"
	"container/list"
	"net/netip"
	"sync"
)

// openingMemory bounds the memory that all clients together hold before they are sessions: the
// beginnings of a CONNECT or a ClientHello, and unfinished TLS handshakes. Above the limit the address
// that holds the most loses its oldest opening. So a flood from one address evicts itself. A flood
// from many addresses, each of which holds no more than a good client, evicts its own oldest openings,
// which have stalled the longest.
//
// A CONNECT or ClientHello that arrives whole in the first read, as nearly all do, counts nothing
// here.
type openingMemory struct {
	mu        sync.Mutex // guards the fields below, and those of every holding and holder
	limit     int64      // bytes; 0: none
	held      int64      // bytes of all openings
	byAddress map[addressKey]*holder
	heaviest  holders
	opened    uint64 // the number of the last holding
}

// holding is the memory that one opening holds.
type holding struct {
	memory *openingMemory
	by     *holder       // nil: it was removed
	place  *list.Element // in by.openings
	bytes  int64
	number uint64
	evict  func() // ends the opening; called with the lock held, from any goroutine
}

// holder is an address with openings.
type holder struct {
	key      addressKey
	bytes    int64
	openings list.List // of *holding, the oldest first
	index    int       // in the heap
}

func newOpeningMemory() *openingMemory {
	return &openingMemory{byAddress: map[addressKey]*holder{}}
}

// begin begins to count an opening of an address, which is the zero address for clients on a Unix
// socket. evict must not block and must not call the holding.
func (m *openingMemory) begin(from netip.Addr, evict func()) *holding {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := keyOf(from)
	by := m.byAddress[key]
	if by == nil {
		by = &holder{key: key}
		m.byAddress[key] = by
		heap.Push(&m.heaviest, by)
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
	heap.Fix(&m.heaviest, h.by.index)
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
		oldest := m.heaviest[0].openings.Front().Value.(*holding)
		oldest.removeLocked()
		oldest.evict()
	}
}

// end uncounts the opening. It may be called twice, and on nil.
func (h *holding) end() {
	if h == nil {
		return
	}
	h.memory.mu.Lock()
	defer h.memory.mu.Unlock()
	h.removeLocked()
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
	if by.openings.Len() > 0 {
		heap.Fix(&m.heaviest, by.index)
		return
	}
	heap.Remove(&m.heaviest, by.index)
	delete(m.byAddress, by.key)
}

// holders is a heap with the address that loses an opening next at the top.
type holders []*holder

func (h holders) Len() int { return len(h) }

// Less puts the address with more bytes first, and of two with equally many the one with the older
// opening.
func (h holders) Less(i, j int) bool {
	a, b := h[i], h[j]
	if a.bytes != b.bytes || a.openings.Len() == 0 || b.openings.Len() == 0 {
		return a.bytes > b.bytes
	}
	return a.openings.Front().Value.(*holding).number < b.openings.Front().Value.(*holding).number
}

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
