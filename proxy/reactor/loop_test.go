package reactor

import (
	"testing"
	"time"
)

// Time in which a container was paused counts as one tick for the timers.
func TestTimeThatTheLoopStoodStillIsOneTick(t *testing.T) {
	var l Loop
	at := func(d time.Duration) int64 { return int64(d) }
	idle := func() int64 { return 0 }
	l.tellTime(at(time.Second), -1, idle)
	if got := l.tick(); got != 11 {
		t.Fatalf("after 1 s it is tick %d, want 11", got)
	}
	l.tellTime(at(2*time.Second+standstill), 1000, idle) // as late as a turn may be
	if got := l.tick(); got != 23 {
		t.Errorf("after 2.2 s it is tick %d, want 23", got)
	}
	l.tellTime(at(time.Hour), 1000, idle)
	if got := l.tick(); got != 24 {
		t.Errorf("after an hour's pause it is tick %d, want 24", got)
	}
	if l.Now() != at(time.Hour) {
		t.Errorf("the clock says %v", time.Duration(l.Now()))
	}
	l.tellTime(at(2*time.Hour), -1, idle) // no timer was set: the loop has slept
	if got := l.tick(); got != 24+36000 {
		t.Errorf("after an hour's sleep it is tick %d, want %d", got, 24+36000)
	}
}

// A turn that takes long because it has much to do is no standstill. Its time counts, or limits would
// stretch under load.
func TestTimeThatTheLoopHasWorkedCounts(t *testing.T) {
	var l Loop
	used := time.Duration(0)
	cpu := func() int64 { return int64(used) }
	l.tellTime(int64(time.Second), -1, cpu)
	for turn := range 10 { // of 500 ms each, with a due timer
		used += 500 * time.Millisecond
		l.tellTime(int64(time.Second)+int64(turn+1)*int64(500*time.Millisecond), 0, cpu)
	}
	if got := l.tick(); got != 61 {
		t.Errorf("after 6 s of work it is tick %d, want 61", got)
	}
	used += time.Second
	l.tellTime(int64(16*time.Second), 0, cpu)
	if got := l.tick(); got != 71 {
		t.Errorf("after 10 s of which it has worked one it is tick %d, want 71", got)
	}
}

func TestLoopSleepsUntilItsFirstTimerOrTheEndOfItsPause(t *testing.T) {
	var l Loop
	if got := l.timeout(); got != -1 {
		t.Errorf("with nothing to wait for it sleeps %d ms", got)
	}
	l.Timers.Set(0, 5)
	if got := l.timeout(); got != 500 {
		t.Errorf("it sleeps %d ms until tick 5", got)
	}
	l.pause = acceptPause{on: true, until: int64(20 * time.Millisecond)}
	if got := l.timeout(); got != 20 {
		t.Errorf("it sleeps %d ms in a pause of 20", got)
	}
	l.tellTime(int64(time.Minute), -1, cpuTime)
	if got := l.timeout(); got != 0 {
		t.Errorf("it sleeps %d ms past the time", got)
	}
}

// The pause doubles with each failure, up to a limit.
func TestPauseOfAcceptingDoubles(t *testing.T) {
	l := Loop{clock: 1000}
	want := acceptBackoffMin
	for range 12 {
		l.pauseAccept()
		if got := time.Duration(l.pause.until - l.clock); got != want || !l.pause.on {
			t.Fatalf("a pause of %v, want %v", got, want)
		}
		want = min(2*want, acceptBackoffMax)
	}
	l.clock = l.pause.until - 1
	if l.resumeWhenDue(); !l.pause.on {
		t.Error("it ends early")
	}
	l.clock++
	if l.resumeWhenDue(); l.pause.on {
		t.Error("it does not end")
	}
}
