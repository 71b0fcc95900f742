package rate

import (
	"sync/atomic"
	"time"
)

// Limiter is a pace with a burst of one second that any number of goroutines share.
type Limiter struct {
	pace atomic.Pointer[Pace]
	next atomic.Int64 // see Pace.Take
}

// NewLimiter lets perSecond events pass in a second; 0 is no limit.
func NewLimiter(perSecond int) *Limiter {
	l := &Limiter{}
	l.Set(perSecond)
	return l
}

// Set changes the pace, also while others call Take. Events that have passed count
// under the new one: to change it again and again gives nobody another burst.
func (l *Limiter) Set(perSecond int) {
	p := NewPace(perSecond, time.Second)
	l.pace.Store(&p)
}

// Take lets an event pass, or not; now is in ns of a clock that only goes forward.
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
