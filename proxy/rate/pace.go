// Package rate limits how many events a second pass, such as new connections or TLS
// handshakes.
//
//	p := rate.NewPace(100, time.Second) // 100 a second, and as many at once after a pause
//	next, ok = p.Take(next, now)
//
// A [Pace] is a value that remembers nothing; a [Limiter] is one that goroutines share.
// The package has no clock and no queue: the caller gives the time, and decides what
// becomes of an event that does not pass.
package rate

import "time"

// Pace is so many events a second. It is the generic cell rate algorithm (ITU-T I.371),
// which needs one number to remember: when the next event would be on schedule. The
// zero Pace is no limit.
type Pace struct {
	interval time.Duration // between two events; 0: no limit
	ahead    time.Duration // of its schedule an event may come so much
}

// NewPace lets perSecond events pass in a second; 0 is no limit. After a pause it lets
// those of the time burst pass at once, and one at least.
func NewPace(perSecond int, burst time.Duration) Pace {
	if perSecond == 0 {
		return Pace{}
	}
	interval := max(time.Second/time.Duration(perSecond), 1)
	return Pace{interval, max(burst-interval, 0)}
}

// Take lets an event pass, or not, and returns what to remember: next is what it
// returned for the event before, or 0. All times are in ns of one clock.
func (p Pace) Take(next, now int64) (int64, bool) {
	switch {
	case p.interval == 0:
		return next, true
	case p.Due(next) > now:
		return next, false
	}
	return max(next, now) + int64(p.interval), true
}

// Due is when Take lets the next event pass.
func (p Pace) Due(next int64) int64 { return next - int64(p.ahead) }

// Spent is what to remember at a time when all of the burst has passed, and the next event may.
func (p Pace) Spent(now int64) int64 { return now + int64(p.ahead) }
