package rate

import (
	"math"
	"testing"
	"time"
)

// passed returns how many of n events pass at once.
func passed(n int, take func() bool) (passed int) {
	for range n {
		if take() {
			passed++
		}
	}
	return passed
}

func TestPaceLetsItsBurstPassAtOnceAndThenOneAtATime(t *testing.T) {
	for name, row := range map[string]struct {
		perSecond int
		burst     time.Duration
		atOnce    int
	}{
		"a burst of a second":             {100, time.Second, 100},
		"a burst of a tenth":              {100, time.Second / 10, 10},
		"one event at least":              {5, time.Second / 10, 1},
		"no burst":                        {1000, 0, 1},
		"one a second":                    {1, time.Second, 1},
		"a number that divides no second": {3, time.Second, 3},
	} {
		t.Run(name, func(t *testing.T) {
			p, next, now := NewPace(row.perSecond, row.burst), int64(0), int64(time.Hour)
			take := func() (ok bool) {
				next, ok = p.Take(next, now)
				return ok
			}
			if n := passed(1000, take); n != row.atOnce {
				t.Errorf("%d pass at once, want %d", n, row.atOnce)
			}
			for range 10 {
				due := p.Due(next)
				if now = due - 1; take() {
					t.Fatal("one passes before it is due")
				}
				if now = due; passed(10, take) != 1 {
					t.Fatal("not one passes when it is due")
				}
			}
			now += int64(time.Hour)
			if n := passed(1000, take); n != row.atOnce {
				t.Errorf("%d pass at once after a long pause, want %d", n, row.atOnce)
			}
		})
	}
}

func TestPaceWithinATimeLetsAllOfItPassAtOnce(t *testing.T) {
	p, next, now := NewPaceWithin(15, time.Minute), int64(0), int64(time.Hour)
	take := func() (ok bool) {
		next, ok = p.Take(next, now)
		return ok
	}
	if n := passed(100, take); n != 15 {
		t.Errorf("%d pass at once", n)
	}
	if now += int64(4 * time.Second); passed(100, take) != 1 {
		t.Error("not one passes every 4 s")
	}
	if now += int64(time.Minute); passed(100, take) != 15 {
		t.Error("not all pass after a minute")
	}
}

func TestNoPaceIsNoLimit(t *testing.T) {
	for _, p := range []Pace{{}, NewPace(0, time.Second), NewPaceWithin(0, time.Minute)} {
		for range 1000 {
			if next, ok := p.Take(7, 1); !ok || next != 7 {
				t.Fatalf("%v and remembers %d", ok, next)
			}
		}
	}
	if _, ok := NewPace(math.MaxInt, time.Second).Take(0, 1); !ok {
		t.Error("more than one a nanosecond lets nothing pass")
	}
}
