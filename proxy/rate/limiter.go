package rate

import (
	"sync/atomic"
	"time"
)

// Limiter is a pace with a burst of one second. Any number of goroutines may share it.
type Limiter struct {
	pace atomic.Pointer[Pace]
	next atomic.Int64 // see Pace.Take
}

// NewLimiter returns a Limiter that passes perSecond events a second; 0 means no limit.
func NewLimiter(perSecond int) *Limiter {
	l := &Limiter{}
	l.Set(perSecond)
	return l
}

// Set changes the pace. Other goroutines may call Take meanwhile. Events that have passed
// count under the new pace, so that repeated changes grant no further bursts.
func (l *Limiter) Set(perSecond int) {
	p := NewPace(perSecond, time.Second)
	l.pace.Store(&p)
}

// Take reports whether an event passes. now is in ns of a monotonic clock.
func (l *Limiter) Take(now int64) bool {
	p := l.pace.Load()
	for {
		next := l.next.Load()
		after, ok := p.Take(next, now)
		if after == next || l.next.CompareAndSwap(next, after) {
			return ok
		}
	}
}
