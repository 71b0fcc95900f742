package rate

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestLimiterHoldsAcrossGoroutines(t *testing.T) {
	l := NewLimiter(1000)
	var total atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			total.Add(int64(passed(1000, func() bool { return l.Take(int64(time.Minute)) })))
		})
	}
	wg.Wait()
	if n := total.Load(); n != 1000 {
		t.Errorf("%d passed, want 1000", n)
	}
}

func TestLimiterOfZeroIsNoLimit(t *testing.T) {
	l := NewLimiter(0)
	if n := passed(10000, func() bool { return l.Take(1) }); n != 10000 {
		t.Errorf("%d of 10000 passed", n)
	}
}

func TestLimiterThatIsChangedRemembersWhatHasPassed(t *testing.T) {
	now := int64(time.Hour)
	l := NewLimiter(10)
	take := func() bool { return l.Take(now) }
	if n := passed(100, take); n != 10 {
		t.Fatalf("%d passed at 10 a second", n)
	}
	l.Set(1000)
	if n := passed(100, take); n != 0 {
		t.Errorf("%d passed at once after the change: a second burst", n)
	}
	now += int64(10 * time.Millisecond)
	if n := passed(100, take); n != 10 {
		t.Errorf("%d passed in 10 ms at 1000 a second", n)
	}
	l.Set(0)
	if n := passed(100, take); n != 100 {
		t.Errorf("%d of 100 passed without a limit", n)
	}
	l.Set(1)
	now += int64(time.Second)
	if n := passed(100, take); n != 1 {
		t.Errorf("%d passed in a second at 1 a second", n)
	}
}

func TestLimiterIsChangedWhileItIsUsed(t *testing.T) {
	l := NewLimiter(1)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for now := range int64(10000) {
				l.Take(now)
			}
		})
	}
	for n := range 1000 {
		l.Set(n)
	}
	wg.Wait()
}

func TestTakeAllocatesNothing(t *testing.T) {
	l, now := NewLimiter(1000), int64(0)
	if n := testing.AllocsPerRun(1000, func() { now++; l.Take(now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
