package reactor

import (
	"math/bits"
	"time"
)

// Tick is a loop's time in units of TickLength, from 1 at the loop's start. 0 is no
// time. 32 bits last 13 years.
type Tick uint32

const (
	// TickLength is the length of a tick: how exact timers are.
	TickLength = 100 * time.Millisecond

	wheelSpokes = 4096 // 409 s
)

// Ticks is d in ticks, rounded up: a limit is never cut short.
func Ticks(d time.Duration) Tick {
	return Tick((d + TickLength - 1) / TickLength)
}

// Wheel is a hashed timer wheel with one timer for each slot of a loop. Setting,
// clearing and expiring cost the same however many timers there are. A timer is
// 8 bytes, with no pointer for the collector to follow. The zero Wheel is ready to
// use, by one goroutine.
type Wheel struct {
	now    Tick // every spoke up to this one has been expired
	chunks []*[slotChunk]timer
	spokes [wheelSpokes]link        // the first timer of each; 0: none
	used   [wheelSpokes / 64]uint64 // a bit for each spoke that has timers
}

// timer is the place of a slot in the list of its spoke.
type timer struct {
	next link // 0: it is the last
	prev link // 0: it is not set; onSpoke plus the spoke: it is the first
}

// link is a slot plus one.
type link uint32

// onSpoke marks a link that is a spoke. Slots stay below: each has two descriptors,
// and there are no 2^32 of those.
const onSpoke link = 1 << 31

// Now is the tick up to which timers have fired.
func (w *Wheel) Now() Tick { return w.now }

// Set sets the timer of a slot, in place of an earlier setting, and returns the tick
// at which it fires: at, or the nearest tick that the wheel has. That is the next one
// for a tick that is over, and 409 s from now for one that is further away: then the
// handler sets the timer again. A timer fires once.
//
// It is cheaper to let a timer that was put off fire in vain than to move it.
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

// Clear takes the timer of a slot out of the wheel; it need not be set.
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

func (w *Wheel) timer(of link) *timer {
	slot := uint32(of - 1)
	return &w.chunks[slot/slotChunk][slot%slotChunk]
}

// Advance moves the wheel to tick now and calls due with every slot whose timer is
// due. due may set and clear timers.
func (w *Wheel) Advance(now Tick, due func(slot uint32)) {
	for w.now < now {
		at, ok := w.Next()
		if !ok || at > now {
			w.now = now
			return
		}
		// The spoke is emptied before the wheel moves on, so that what due sets
		// lands on later spokes only.
		w.now = at
		for first := w.spokes[at%wheelSpokes]; first != 0; first = w.spokes[at%wheelSpokes] {
			slot := uint32(first - 1)
			w.Clear(slot)
			due(slot)
		}
	}
}

// Next is the tick at which the first timer fires; false if none is set.
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
