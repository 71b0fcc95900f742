package rate

import (
	"testing"
	"time"
)

func TestLineStandsForTheEventsSinceTheLastOne(t *testing.T) {
	l, now := Line{Every: time.Minute}, time.Now()
	for _, step := range []struct {
		after  time.Duration
		events uint64
		ok     bool
	}{{0, 1, true}, {0, 0, false}, {time.Minute - 1, 0, false}, {1, 3, true}, {0, 0, false}, {time.Hour, 2, true}} {
		now = now.Add(step.after)
		if n, ok := l.Take(now); n != step.events || ok != step.ok {
			t.Errorf("after %v: %d %v, want %d %v", step.after, n, ok, step.events, step.ok)
		}
	}
}
