package reactor

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestEventsAreEpolls(t *testing.T) {
	for e, want := range map[Events]uint32{
		Input: unix.EPOLLIN, Urgent: unix.EPOLLPRI, Room: unix.EPOLLOUT, Failed: unix.EPOLLERR, HungUp: unix.EPOLLHUP, InputHungUp: unix.EPOLLRDHUP,
	} {
		if uint32(e) != want {
			t.Errorf("%#x, epoll has %#x", e, want)
		}
	}
}

// The first of two events in a turn ends the connection of the second. A new connection takes its
// slot, and even its descriptor number.
func TestEventOfADescriptorThatIsGoneReachesNobody(t *testing.T) {
	for name, reuse := range map[string]bool{"the slot is free": false, "the slot is in use again": true} {
		t.Run(name, func(t *testing.T) {
			h := newEcho(t)
			a, toA := pair(t)
			b, toB := pair(t)
			defer Close(toA)
			defer Close(toB)
			slots := []uint32{h.add(a), h.add(b)}
			h.turn()
			for _, fd := range []int32{toA, toB} {
				if _, err := Send(fd, []byte("x")); err != nil {
					t.Fatal(err)
				}
			}
			first := true
			var fresh, toFresh int32 = -1, -1
			h.each = func(target Target, _ Events) {
				if !first {
					return
				}
				first = false
				other := slots[0] + slots[1] - target.Slot
				h.end(other)
				if reuse {
					fresh, toFresh = pair(t)
					if slot := h.add(fresh); slot != other {
						t.Fatalf("the new one has slot %d, not %d: the test shows nothing", slot, other)
					}
				}
			}
			h.turn()
			if first || h.stale != 1 {
				t.Errorf("%d events were of a descriptor that is gone, want 1", h.stale)
			}
			if !reuse {
				return
			}
			defer Close(toFresh)
			if _, err := Send(toFresh, []byte("y")); err != nil {
				t.Fatal(err)
			}
			h.turn()
			buf := make([]byte, 2)
			if n, err := Receive(toFresh, buf); n != 1 || err != nil || h.stale != 1 {
				t.Errorf("the new one is not served: %d bytes, %v, %d events of one that is gone", n, err, h.stale)
			}
		})
	}
}

func TestEventIsReportedOnceAndAgainWhenAskedFor(t *testing.T) {
	h := newEcho(t)
	ours, theirs := pair(t)
	defer Close(theirs)
	seen := &watcher{}
	h.handler = seen
	target := Target{Slot: 77, Side: 1, Birth: 1<<32 - 1}
	expect := func(when string, want ...Events) {
		t.Helper()
		seen.events = nil
		h.turn()
		if len(seen.events) != len(want) || len(want) > 0 && (seen.events[0] != want[0] || seen.target != target) {
			t.Errorf("%s: %v of %v, want %v of %v", when, seen.events, seen.target, want, target)
		}
	}
	watch := func(before, want Watch) {
		t.Helper()
		if err := h.Watch(ours, target, before, want); err != nil {
			t.Fatal(err)
		}
	}
	defer Close(ours)
	watch(WatchNothing, WatchInput)
	expect("nothing has happened")
	_, _ = Send(theirs, []byte("x"))
	expect("a byte", Input)
	expect("the same byte")
	watch(WatchInput, WatchInput)
	expect("asked again", Input)
	watch(WatchInput, WatchInputAndRoom)
	expect("room, too", Input|Room)
	CloseWrite(theirs)
	expect("the end of the stream", Input|Room|InputHungUp)
	if err := h.Watch(ours, target, WatchNothing, WatchInput); err != unix.EEXIST {
		t.Errorf("watched as if it were new: %v", err)
	}
}

// watcher is a handler that records events.
type watcher struct {
	echo
	events []Events
	target Target
}

func (w *watcher) Event(t Target, e Events) { w.target, w.events = t, append(w.events, e) }

func TestTimersFireWhileTheLoopSleeps(t *testing.T) {
	h, _, stop := startEcho(t)
	h.Do(func() {
		h.Timers.Set(3, h.In(0))
		h.Timers.Set(2, h.In(TickLength))
	})
	if first, second := <-h.timers, <-h.timers; first != 3 || second != 2 {
		t.Errorf("timers of slots %d and %d, want 3 and 2", first, second)
	}
	stop()
}
