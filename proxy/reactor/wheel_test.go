package reactor

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestTimersFireOnceAtTheirTick(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const slots = 5000
	var w Wheel
	want := map[uint32]Tick{}
	fires := map[uint32]Tick{} // first firing; a tick beyond the wheel fires early and is set again
	put := func(slot uint32, at Tick) {
		want[slot], fires[slot] = at, w.Set(slot, at)
		if nearest := min(at, w.now+wheelSpokes-1); fires[slot] != nearest {
			t.Fatalf("at %d: set for %d, it fires at %d, want %d", w.now, at, fires[slot], nearest)
		}
	}
	for slot := range uint32(slots) {
		put(slot, 1+Tick(rng.IntN(3*wheelSpokes)))
	}
	for slot, at := range want { // some are moved, some are cleared
		switch rng.IntN(4) {
		case 0:
			w.Clear(slot)
			w.Clear(slot)
			delete(want, slot)
		case 1:
			put(slot, at+Tick(rng.IntN(100)))
		}
	}
	var now Tick
	for len(want) > 0 && now < 4*wheelSpokes {
		now += 1 + Tick(rng.IntN(50))
		w.Advance(now, func(slot uint32) {
			if w.timer(link(slot+1)).prev != 0 || fires[slot] != w.now {
				t.Fatalf("slot %d fired at %d, it was set for %d; its timer is %v", slot, w.now, fires[slot], *w.timer(link(slot + 1)))
			}
			if want[slot] > w.now {
				put(slot, want[slot])
				return
			}
			delete(want, slot)
		})
	}
	if len(want) > 0 {
		t.Errorf("%d timers never fired", len(want))
	}
	if at, ok := w.Next(); ok {
		t.Errorf("an empty wheel says that %d is next", at)
	}
}

func TestNextIsTheFirstSpokeInUse(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		var w Wheel
		w.now = Tick(rng.IntN(10 * wheelSpokes))
		first := Tick(0)
		for slot := range uint32(1 + rng.IntN(3)) {
			at := w.now + 1 + Tick(rng.IntN(wheelSpokes-1))
			w.Set(slot, at)
			if first == 0 || at < first {
				first = at
			}
		}
		if got, ok := w.Next(); !ok || got != first {
			t.Fatalf("at %d: next is %d, want %d", w.now, got, first)
		}
	}
}

// A timer for the past, or for a tick beyond the wheel, goes to the nearest spoke.
func TestTimersOutOfReachGoToTheNearestSpoke(t *testing.T) {
	w := Wheel{now: 100}
	for at, want := range map[Tick]Tick{0: 101, 100: 101, 101: 101, 100 + wheelSpokes: 100 + wheelSpokes - 1, 1 << 30: 100 + wheelSpokes - 1} {
		if got := w.Set(0, at); got != want {
			t.Errorf("%d went to %d, want %d", at, got, want)
		}
		if next, ok := w.Next(); !ok || next != want {
			t.Errorf("%d is next at %d, want %d", at, next, want)
		}
	}
}

// The timer of one session ends another session whose timer is due in the same turn. The other's slot
// is released and may be taken again.
func TestTimerThatIsClearedByAnotherOneDoesNotFire(t *testing.T) {
	for name, then := range map[string]func(w *Wheel, slot uint32){
		"cleared":        func(w *Wheel, slot uint32) { w.Clear(slot) },
		"and set anew":   func(w *Wheel, slot uint32) { w.Clear(slot); w.Set(slot, w.Now()) },
		"moved to later": func(w *Wheel, slot uint32) { w.Set(slot, w.Now()+5) },
	} {
		t.Run(name, func(t *testing.T) {
			var w Wheel
			for slot := range uint32(4) {
				w.Set(slot, 7)
			}
			fired := map[uint32]int{}
			w.Advance(7, func(slot uint32) {
				fired[slot]++
				if len(fired) > 1 {
					return
				}
				for other := range uint32(4) {
					if other != slot {
						then(&w, other)
					}
				}
			})
			if len(fired) != 1 {
				t.Errorf("slots %v fired, want the first alone", fired)
			}
		})
	}
}

func TestSlotThatNeverHadATimerIsCleared(t *testing.T) {
	var w Wheel
	w.Clear(5 * slotChunk)
	w.Set(5*slotChunk, 3)
	w.Clear(4 * slotChunk)
	if at, ok := w.Next(); !ok || at != 3 {
		t.Errorf("next is %d, %v", at, ok)
	}
}

func TestTimersAllocateNothing(t *testing.T) {
	var w Wheel
	w.Set(0, 1)
	due := func(slot uint32) { w.Set(slot, w.Now()+3) }
	if n := testing.AllocsPerRun(1000, func() { w.Advance(w.Now()+1, due) }); n != 0 {
		t.Errorf("%v allocations a tick", n)
	}
}

func TestTicksRoundUp(t *testing.T) {
	for d, want := range map[time.Duration]Tick{0: 0, 1: 1, TickLength: 1, TickLength + 1: 2, time.Hour: 36000} {
		if got := Ticks(d); got != want {
			t.Errorf("%v is %d ticks, want %d", d, got, want)
		}
	}
}
