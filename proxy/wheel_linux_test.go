package proxy

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestTimersFireOnceAtTheirTick(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var all sessions
	w := wheel{sessions: &all}
	want := map[*session]tick{}
	slot := map[*session]tick{} // where it fires first: a tick out of reach is looked at again
	put := func(s *session, at tick) {
		want[s], slot[s] = at, min(at, w.now+wheelSlots-1)
		w.add(s, at)
	}
	for range 5000 {
		put(all.take(), 1+tick(rng.IntN(3*wheelSlots)))
	}
	for s, at := range want { // some are moved, some are taken out
		switch rng.IntN(4) {
		case 0:
			w.remove(s)
			w.remove(s)
			delete(want, s)
		case 1:
			put(s, at+tick(rng.IntN(100)))
		}
	}
	var now tick
	for len(want) > 0 && now < 4*wheelSlots {
		now += 1 + tick(rng.IntN(50))
		w.advance(now, func(s *session) {
			if s.timer.at != 0 || slot[s] != w.now {
				t.Fatalf("fired at %d, its slot was %d, still in the wheel at %d", w.now, slot[s], s.timer.at)
			}
			if want[s] > w.now {
				put(s, want[s])
				return
			}
			delete(want, s)
		})
	}
	if len(want) > 0 {
		t.Errorf("%d timers never fired", len(want))
	}
	if at, ok := w.next(); ok {
		t.Errorf("an empty wheel says that %d is next", at)
	}
}

func TestNextIsTheFirstSlotInUse(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		var all sessions
		w := wheel{sessions: &all}
		w.now = tick(rng.IntN(10 * wheelSlots))
		first := tick(0)
		for range 1 + rng.IntN(3) {
			at := w.now + 1 + tick(rng.IntN(wheelSlots-1))
			w.add(all.take(), at)
			if first == 0 || at < first {
				first = at
			}
		}
		if got, ok := w.next(); !ok || got != first {
			t.Fatalf("at %d: next is %d, want %d", w.now, got, first)
		}
	}
}

// A timer for the past, or for a tick further away than the wheel reaches,
// goes to the nearest slot.
func TestTimersOutOfReachGoToTheNearestSlot(t *testing.T) {
	var all sessions
	w := wheel{sessions: &all, now: 100}
	s := all.take()
	for at, want := range map[tick]tick{0: 101, 100: 101, 101: 101, 100 + wheelSlots: 100 + wheelSlots - 1, 1 << 30: 100 + wheelSlots - 1} {
		w.add(s, at)
		if s.timer.at != want {
			t.Errorf("%d went to %d, want %d", at, s.timer.at, want)
		}
	}
}

func TestTicksRoundUp(t *testing.T) {
	for d, want := range map[time.Duration]tick{0: 0, 1: 1, tickLength: 1, tickLength + 1: 2, time.Hour: 36000} {
		if got := ticks(d); got != want {
			t.Errorf("%v is %d ticks, want %d", d, got, want)
		}
	}
}
