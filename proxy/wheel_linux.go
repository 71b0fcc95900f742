package proxy

import (
	"math/bits"
	"time"
)

// tick is a loop's time in units of tickLength, from 1 at the loop's start.
// 32 bits last 13 years.
type tick uint32

const (
	tickLength = 100 * time.Millisecond
	wheelSlots = 4096 // 409 s; a later timer fires there and is put in again
)

// ticks is d in ticks, rounded up: a limit is never cut short.
func ticks(d time.Duration) tick {
	return tick((d + tickLength - 1) / tickLength)
}

// timer is a session's place in its loop's wheel.
type timer struct {
	next, prev link
	at         tick // 0: not in the wheel
}

// link is a session's slot plus one; 0: none. It is half a pointer, and the
// collector need not follow it.
type link uint32

// wheel is a hashed timer wheel with one timer for each session. Adding,
// removing and expiring cost the same however many sessions there are. A timer
// that is put off is not moved: it fires at its old time and is looked at again.
type wheel struct {
	sessions *sessions
	now      tick // every slot up to this one has been expired
	slots    [wheelSlots]link
	used     [wheelSlots / 64]uint64 // a bit for each slot that is not empty
}

// add puts s in the slot of tick at, or of the nearest tick that the wheel has.
func (w *wheel) add(s *session, at tick) {
	if s.timer.at != 0 {
		w.remove(s)
	}
	at = min(max(at, w.now+1), w.now+wheelSlots-1)
	i := at % wheelSlots
	head := w.slots[i]
	s.timer = timer{next: head, at: at}
	w.slots[i] = link(s.slot + 1)
	if head != 0 {
		w.timer(head).prev = w.slots[i]
	}
	w.used[i/64] |= 1 << (i % 64)
}

// remove takes s out; it need not be in.
func (w *wheel) remove(s *session) {
	if s.timer.at == 0 {
		return
	}
	i := s.timer.at % wheelSlots
	if s.timer.next != 0 {
		w.timer(s.timer.next).prev = s.timer.prev
	}
	if s.timer.prev != 0 {
		w.timer(s.timer.prev).next = s.timer.next
	} else if w.slots[i] = s.timer.next; w.slots[i] == 0 {
		w.used[i/64] &^= 1 << (i % 64)
	}
	s.timer = timer{}
}

func (w *wheel) timer(of link) *timer { return &w.sessions.at(uint32(of - 1)).timer }

// advance moves the wheel to tick now and hands every session whose timer is
// due to expire, which may add and remove.
func (w *wheel) advance(now tick, expire func(*session)) {
	for w.now < now {
		at, ok := w.next()
		if !ok || at > now {
			w.now = now
			return
		}
		// The slot is emptied before the wheel moves on, so that what expire
		// adds lands in later slots only.
		w.now = at
		for first := w.slots[at%wheelSlots]; first != 0; first = w.slots[at%wheelSlots] {
			s := w.sessions.at(uint32(first - 1))
			w.remove(s)
			expire(s)
		}
	}
}

// next is the tick of the first slot in use, if there is one.
func (w *wheel) next() (tick, bool) {
	from := w.now + 1
	i := from % wheelSlots
	word := w.used[i/64] &^ (1<<(i%64) - 1)
	for n := range tick(wheelSlots/64 + 1) {
		at := i/64 + n
		if n > 0 {
			word = w.used[at%(wheelSlots/64)]
		}
		if word != 0 {
			slot := at%(wheelSlots/64)*64 + tick(bits.TrailingZeros64(word))
			return from + (slot-from)%wheelSlots, true
		}
	}
	return 0, false
}
