// Package rate limits how many events a second pass, such as new connections or TLS
// handshakes.
//
//	p := rate.NewPace(100, time.Second) // 100 a second, and as many at once after a pause
//	next, ok = p.Take(next, now)
//
// A [Pace] is a value without state; a [Limiter] is shared by goroutines, and so is a [Line],
// which limits a log line. The package has no clock and no queue: the caller passes the
// time, and decides what to do with an event that does not pass.
package rate

import "time"

// Pace is a number of events a second. It is the generic cell rate algorithm (ITU-T
// I.371), whose state is one number: the time at which the next event is on schedule. The
// zero Pace means no limit.
type Pace struct {
	interval time.Duration // between two events; 0: no limit
	ahead    time.Duration // how early an event may be on its schedule
}

// NewPace returns a Pace of perSecond events a second; 0 means no limit. After a pause,
// as many events as belong to the time burst, and at least one, may pass at once.
func NewPace(perSecond int, burst time.Duration) Pace {
	if perSecond == 0 {
		return Pace{}
	}
	interval := max(time.Second/time.Duration(perSecond), 1)
	return Pace{interval, max(burst-interval, 0)}
}

// NewPaceWithin returns a Pace of so many events within a time: as many may pass at once after a pause, and
// then one for each part of the time. 0 events mean no limit.
func NewPaceWithin(events int, within time.Duration) Pace {
	if events == 0 {
		return Pace{}
	}
	interval := max(within/time.Duration(events), 1)
	return Pace{interval, within - interval}
}

// Take reports whether an event passes, and returns the new state. next is the state that
// the last Take returned, at first 0. All times are in ns of one clock.
func (p Pace) Take(next, now int64) (int64, bool) {
	switch {
	case p.interval == 0:
		return next, true
	case p.Due(next) > now:
		return next, false
	}
	return max(next, now) + int64(p.interval), true
}

// Due returns the time at which Take passes the next event.
func (p Pace) Due(next int64) int64 { return next - int64(p.ahead) }

// Spent returns the state at a time when the whole burst has passed and the next event may
// pass.
func (p Pace) Spent(now int64) int64 { return now + int64(p.ahead) }
