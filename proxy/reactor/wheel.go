package reactor

import (
	"math/bits"
	"time"
)

// Tick is a time of a loop in units of TickLength, beginning with 1 at the loop's start. 0 stands for
// no time. 32 bits last 13 years.
type Tick uint32

const (
	// TickLength is the length of a tick and so the resolution of timers.
	TickLength = 100 * time.Millisecond

	wheelSpokes = 4096 // 409 s
)

// Ticks returns d in ticks, rounded up: a limit is never cut short.
func Ticks(d time.Duration) Tick {
	return Tick((d + TickLength - 1) / TickLength)
}

// Wheel is a hashed timer wheel with one timer for each slot of a loop. The cost of setting, clearing
// and expiring does not depend on the number of timers. A timer has 8 bytes, without a pointer for the
// collector to follow. The zero Wheel is ready for use by one goroutine.
type Wheel struct {
	now    Tick // every spoke up to this one has expired
	chunks []*[slotChunk]timer
	spokes [wheelSpokes]link        // the first timer of each; 0: none
	used   [wheelSpokes / 64]uint64 // a bit for each spoke that has timers
}

// timer is the entry of a slot in the list of its spoke.
type timer struct {
	next link // 0: the last one
	prev link // 0: not set; onSpoke plus the spoke: the first one
}

// link is a slot plus one.
type link uint32

// onSpoke marks a link that is a spoke. Slots stay below it: each slot has two descriptors, and there
// are no 2^32 descriptors.
const onSpoke link = 1 << 31

// Now returns the tick up to which timers have fired.
func (w *Wheel) Now() Tick { return w.now }

// Set sets the timer of a slot, replacing an earlier setting, and returns the tick at which it fires:
// at, or the nearest tick that the wheel has. That is the next tick if at is over, and 409 s from now
// if at is further away; the handler then sets the timer again. A timer fires once.
//
// To postpone a timer, let it fire in vain and set it again: that is cheaper than moving it.
func (w *Wheel) Set(slot uint32, at Tick) Tick {
	w.Clear(slot)
	for int(slot/slotChunk) >= len(w.chunks) {
		w.chunks = append(w.chunks, new([slotChunk]timer))
	}
	at = min(max(at, w.now+1), w.now+wheelSpokes-1)
	i := at % wheelSpokes
	self, head := link(slot+1), w.spokes[i]
	*w.timer(self) = timer{next: head, prev: onSpoke + link(i)}
	if head != 0 {
		w.timer(head).prev = self
	}
	w.spokes[i] = self
	w.used[i/64] |= 1 << (i % 64)
	return at
}

// Clear clears the timer of a slot. The timer need not be set.
func (w *Wheel) Clear(slot uint32) {
	if int(slot/slotChunk) >= len(w.chunks) {
		return
	}
	t := w.timer(link(slot + 1))
	if t.prev == 0 {
		return
	}
	if t.next != 0 {
		w.timer(t.next).prev = t.prev
	}
	if t.prev < onSpoke {
		w.timer(t.prev).next = t.next
	} else {
		i := t.prev - onSpoke
		if w.spokes[i] = t.next; t.next == 0 {
			w.used[i/64] &^= 1 << (i % 64)
		}
	}
	*t = timer{}
}

// IsSet reports whether the timer of a slot is set.
func (w *Wheel) IsSet(slot uint32) bool {
	return int(slot/slotChunk) < len(w.chunks) && w.timer(link(slot+1)).prev != 0
}

func (w *Wheel) timer(of link) *timer {
	slot := uint32(of - 1)
	return &w.chunks[slot/slotChunk][slot%slotChunk]
}

// Advance moves the wheel to tick now and calls due for every slot whose timer is due. due may set and
// clear timers.
func (w *Wheel) Advance(now Tick, due func(slot uint32)) {
	for w.now < now {
		at, ok := w.Next()
		if !ok || at > now {
			w.now = now
			return
		}
		// The spoke is emptied before the wheel moves on, so that timers set by due land on later
		// spokes only.
		w.now = at
		for first := w.spokes[at%wheelSpokes]; first != 0; first = w.spokes[at%wheelSpokes] {
			slot := uint32(first - 1)
			w.Clear(slot)
			due(slot)
		}
	}
}

// Next returns the tick at which the first timer fires, or false if none is set.
func (w *Wheel) Next() (Tick, bool) {
	from := w.now + 1
	i := from % wheelSpokes
	word := w.used[i/64] &^ (1<<(i%64) - 1)
	for n := range Tick(wheelSpokes/64 + 1) {
		at := i/64 + n
		if n > 0 {
			word = w.used[at%(wheelSpokes/64)]
		}
		if word != 0 {
			spoke := at%(wheelSpokes/64)*64 + Tick(bits.TrailingZeros64(word))
			return from + (spoke-from)%wheelSpokes, true
		}
	}
	return 0, false
}
