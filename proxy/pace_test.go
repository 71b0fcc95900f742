package proxy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// played is a drain of n sessions on paper: how many leave in each second, and when the last does.
func played(p Pace, n int, tick func() time.Duration) (seconds []int, last time.Duration) {
	begun := time.Unix(1e9, 0)
	now := begun
	s := newSchedule(p, int64(n), now)
	for left := n; left > 0; {
		now = now.Add(tick())
		took := min(s.due(now, int64(left)), left)
		s.took(took)
		left -= took
		last = now.Sub(begun)
		for len(seconds) <= int(last/time.Second) {
			seconds = append(seconds, 0)
		}
		seconds[last/time.Second] += took
	}
	return seconds, last
}

func regular() time.Duration { return drainInterval }

// busy is the tick of a busy machine: late, and at times very late.
func busy(random *rand.Rand) func() time.Duration {
	return func() time.Duration {
		d := drainInterval + time.Duration(random.Int64N(int64(drainInterval)))
		if random.IntN(100) == 0 {
			d += time.Duration(random.Int64N(int64(3 * time.Second)))
		}
		return d
	}
}

// No second has more than 1.3 times the mean, or than the next whole number.
func TestSessionsLeaveEvenly(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		pace     Pace
		sessions int
	}{
		{Pace{PerSecond: 50}, 1000},
		{Pace{PerSecond: 100}, 1000},
		{Pace{PerSecond: 333}, 1000},
		{Pace{PerSecond: 1}, 20},
		{Pace{PerSecond: 3}, 50},
		{Pace{PerSecond: 7}, 100},
		{Pace{PerSecond: 0.2}, 10},
		{Pace{PerSecond: 5000}, 100_000},
		{Pace{PerSecond: 100_000}, 500_000},
		{Pace{Within: 10 * time.Second}, 1000},
		{Pace{Within: 10 * time.Minute}, 1000},
		{Pace{Within: 10 * time.Minute}, 17},
		{Pace{Within: 30 * time.Second}, 31},
		{Pace{Within: 5 * time.Second}, 200_000},
		{Pace{Within: time.Second}, 1},
		{Pace{Within: time.Hour}, 50_000},
	} {
		perSecond := c.pace.PerSecond
		if c.pace.Within > 0 {
			perSecond = float64(c.sessions) / c.pace.Within.Seconds()
		}
		most := max(int(1.3*perSecond), int(math.Ceil(perSecond)))
		for name, tick := range map[string]func() time.Duration{"regular": regular, "busy": busy(random)} {
			t.Run(fmt.Sprintf("%d at %v, %s", c.sessions, c.pace, name), func(t *testing.T) {
				seconds, last := played(c.pace, c.sessions, tick)
				if name == "busy" {
					most = max(most, int(math.Ceil(perSecond))+1) // a late one meets its successor
				}
				for i, n := range seconds {
					if n > most {
						t.Fatalf("%d leave in second %d, more than %d: %v", n, i, most, seconds[:i+1])
					}
				}
				if name == "busy" {
					return
				}
				want := time.Duration(float64(c.sessions) / perSecond * float64(time.Second))
				if slack := want/50 + drainInterval; last > want+slack || last < want*9/10-slack-time.Duration(float64(time.Second)/perSecond) {
					t.Errorf("the last leaves after %v, want %v", last, want)
				}
			})
		}
	}
}

// With Within, sessions leave a little faster after a pause of the process.
func TestTimeToLeaveIsKeptAfterAPause(t *testing.T) {
	ticks := 0
	_, last := played(Pace{Within: time.Minute}, 3000, func() time.Duration {
		if ticks++; ticks == 100 {
			return 3 * time.Second
		}
		return drainInterval
	})
	if last > time.Minute+drainInterval || last < 58*time.Second {
		t.Errorf("the last leaves after %v", last)
	}
}

func TestRemainingTimeOfADrain(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, c := range []struct {
		pace Pace
		left int64
		want time.Duration
	}{
		{Pace{PerSecond: 50}, 1000, 20 * time.Second},
		{Pace{PerSecond: 50}, 0, 0},
		{Pace{}, 1000, 0},
		{Pace{Within: time.Minute}, 7, 50 * time.Second},
	} {
		s := newSchedule(c.pace, 1000, now)
		if got := s.remaining(now.Add(10*time.Second), c.left); got != c.want {
			t.Errorf("%v with %d sessions: %v, want %v", c.pace, c.left, got, c.want)
		}
	}
	s := newSchedule(Pace{Within: time.Minute}, 60, now)
	if got := s.remaining(now.Add(2*time.Minute), 3); got != 3*time.Second {
		t.Errorf("%v after its time is over, want 3s", got)
	}
}

func TestPaceIsChecked(t *testing.T) {
	for _, p := range []Pace{{}, {PerSecond: 0.1}, {PerSecond: MaxPace}, {Within: time.Second}} {
		if err := p.check(); err != nil {
			t.Errorf("%v: %v", p, err)
		}
	}
	for _, p := range []Pace{{PerSecond: 1, Within: 1}, {PerSecond: -1}, {Within: -1}, {PerSecond: math.NaN()}, {PerSecond: math.Inf(1)}, {PerSecond: 2 * MaxPace}} {
		if p.check() == nil {
			t.Errorf("%v is accepted", p)
		}
	}
}
