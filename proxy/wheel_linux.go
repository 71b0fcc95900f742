//go:build !plain

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
	next, prev *session
	at         tick // 0: not in the wheel
}

// wheel is a hashed timer wheel with one timer for each session. Adding,
// removing and expiring cost the same however many sessions there are. A timer
// that is put off is not moved: it fires at its old time and is looked at again.
type wheel struct {
	now   tick // every slot up to this one has been expired
	slots [wheelSlots]*session
	used  [wheelSlots / 64]uint64 // a bit for each slot that is not empty
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
	if head != nil {
		head.timer.prev = s
	}
	w.slots[i] = s
	w.used[i/64] |= 1 << (i % 64)
}

// remove takes s out; it need not be in.
func (w *wheel) remove(s *session) {
	if s.timer.at == 0 {
		return
	}
	i := s.timer.at % wheelSlots
	if s.timer.next != nil {
		s.timer.next.timer.prev = s.timer.prev
	}
	if s.timer.prev != nil {
		s.timer.prev.timer.next = s.timer.next
	} else if w.slots[i] = s.timer.next; w.slots[i] == nil {
		w.used[i/64] &^= 1 << (i % 64)
	}
	s.timer = timer{}
}

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
		for s := w.slots[at%wheelSlots]; s != nil; s = w.slots[at%wheelSlots] {
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
