package proxy

import (
	"errors"
	"fmt"
	"time"
)

// Pace is how fast sessions leave. At most one field is set. With the zero Pace they stay until
// they end by themselves.
type Pace struct {
	PerSecond float64       // sessions a second
	Within    time.Duration // the time in which all those leave that are there at its beginning
}

// None reports whether no session is told to leave.
func (p Pace) None() bool { return p == Pace{} }

// check returns an error if the pace has no meaning.
func (p Pace) check() error {
	switch {
	case p.PerSecond != 0 && p.Within != 0:
		return errors.New("a pace is a number of sessions a second or a time, not both")
	case p.Within < 0:
		return fmt.Errorf("the time %v is negative", p.Within)
	case p.PerSecond >= 0 && p.PerSecond <= maxPace: // not NaN
		return nil
	default:
		return fmt.Errorf("%v sessions a second is not from 0 to %d", p.PerSecond, int(maxPace))
	}
}

// schedule says when sessions leave, so that they leave evenly. It has no clock.
//
// The sessions whose time has come since the last call may leave together. If the calls come late,
// only some of them may: nobody wants a burst to follow a pause. So no second has more sessions than
// 1.2 times the pace and one, with Within 1.3 times. The first leaves after half the time between two
// of them; a second on the clock then has as many sessions as the pace says.
type schedule struct {
	perSecond float64
	until     time.Time // when the last should leave; zero: whenever their turn comes
	last      time.Time // of the last call of due
	credit    float64   // sessions that may leave now
}

// newSchedule returns the schedule of a pace that begins now with so many sessions.
func newSchedule(p Pace, sessions int64, now time.Time) schedule {
	s := schedule{perSecond: p.PerSecond, last: now, credit: 0.5}
	if p.Within > 0 {
		s.perSecond = float64(max(sessions, 1)) / p.Within.Seconds()
		s.until = now.Add(p.Within)
	}
	return s
}

// due returns how many sessions may leave now, while so many are left. The caller counts those that
// leave with took.
func (s *schedule) due(now time.Time, left int64) int {
	pace := s.perSecond
	if remaining := s.until.Sub(now).Seconds(); !s.until.IsZero() {
		// After a late call the others leave a little faster.
		if remaining <= 0 || float64(left)/remaining > pace {
			pace *= maxCatchUp
			if remaining > 0 {
				pace = min(pace, float64(left)/remaining)
			}
		}
	}
	s.credit = min(s.credit+pace*now.Sub(s.last).Seconds(), 1+pace*maxLate.Seconds())
	s.last = now
	return int(s.credit)
}

// took counts sessions that have been told to leave.
func (s *schedule) took(n int) { s.credit -= float64(n) }

// remaining returns the time until the last of so many sessions has left; 0: not known.
func (s *schedule) remaining(now time.Time, left int64) time.Duration {
	switch {
	case left == 0 || s.perSecond == 0:
		return 0
	case s.until.After(now):
		return s.until.Sub(now)
	}
	return time.Duration(float64(left) / s.perSecond * float64(time.Second))
}
