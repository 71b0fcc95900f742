package proxy

import (
	"testing"
	"time"
)

// samples are looks at a count that grows.
type samples []sample

// A sample is a count that was read between two times, which may be far apart on a busy machine.
type sample struct {
	before, after time.Time
	n             int64
}

// take adds a sample.
func (s *samples) take(count func() int64) int64 {
	before := time.Now()
	n := count()
	*s = append(*s, sample{before, time.Now(), n})
	return n
}

// checkPace checks every window of a second, and that the count did not grow faster on the whole.
func (s samples) checkPace(t *testing.T, perSecond int64) {
	t.Helper()
	for i, from := range s {
		for _, to := range s[i:] {
			if n, most := to.n-from.n, to.after.Sub(from.before); most <= time.Second && n > perSecond*13/10 {
				t.Fatalf("%d within %v", n, most)
			}
		}
	}
	first, last := s[0], s[len(s)-1]
	n, took := last.n-first.n, last.after.Sub(first.before)
	if took < time.Duration(n)*time.Second/time.Duration(perSecond)*9/10 {
		t.Errorf("all %d within %v", n, took)
	}
}
