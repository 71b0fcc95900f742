package proxy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
)

// KickSpec says how sessions are kicked.
type KickSpec struct {
	// Code is told to MQTT 5 clients. It is one that a server may send in a DISCONNECT; 0: 0x98,
	// Administrative action. Clients without a CONNACK get it in a CONNACK if that may have it, and
	// Server unavailable otherwise.
	Code mqttparse.ReasonCode

	// PerSecond is how many sessions leave in a second; 0: 100.
	PerSecond float64

	// All allows a filter that all sessions fulfil.
	All bool
}

// ParseKickCode parses the reason code of a KickSpec; 0 is the usual one.
func ParseKickCode(n int) (mqttparse.ReasonCode, error) {
	code := mqttparse.ReasonCode(n)
	if n < 0 || n > 0xFF || n != 0 && !code.InServerDisconnect() {
		return 0, fmt.Errorf("%d is not a reason code that a server may send in a DISCONNECT (MQTT 5, 3.14.2.1), such as 152 (0x98, "+
			"Administrative action) or 156 (0x9C, Use another server)", n)
	}
	return code, nil
}

// ErrKickAll is returned by Kick when the filter is empty.
var ErrKickAll = errors.New("the filter is empty: name the sessions, or say that all are meant")

// Kick ends the sessions that fulfil the filter, evenly spread at the pace: each leaves with the outcome
// kicked. Sessions that begin during the call stay. A session must fulfil the filter when its turn comes.
// Kick returns how many sessions it has ended, not counting those that ended by themselves. It returns
// early with an error when ctx is done or the server stops. It may be called from any goroutine.
func (srv *Server) Kick(ctx context.Context, f *SessionFilter, k KickSpec) (kicked int, err error) {
	if k.PerSecond == 0 {
		k.PerSecond = kicksPerSecond
	}
	if f == nil {
		f = &SessionFilter{}
	}
	switch {
	case *f == SessionFilter{} && !k.All:
		return 0, ErrKickAll
	case k.Code != 0 && !k.Code.InServerDisconnect():
		return 0, fmt.Errorf("reason code 0x%02X is not one that a server may send in a DISCONNECT (MQTT 5, 3.14.2.1)", uint8(k.Code))
	case !(k.PerSecond > 0) || math.IsInf(k.PerSecond, 0):
		return 0, fmt.Errorf("pace %v is not a number of sessions a second above zero", k.PerSecond)
	}
	cursors, err := srv.cursors(ctx, f.ID)
	if err != nil {
		return 0, err
	}
	ticks := time.NewTicker(drainInterval)
	defer ticks.Stop()
	a := newAllowance(k.PerSecond, time.Now())
	for turn := 0; ; {
		for looks := looksPerTick * len(cursors); looks > 0 && a.due >= 1 && len(cursors) > 0; looks-- {
			if ctx.Err() != nil {
				return kicked, ctx.Err()
			}
			turn++
			at := turn % len(cursors)
			n := cursors[at].kick(f, k.Code, int(min(a.due, kicksPerLook)))
			kicked, a.due = kicked+n, a.due-float64(n)
			if cursors[at].over() {
				cursors = slices.Delete(cursors, at, at+1)
			}
		}
		if len(cursors) == 0 {
			return kicked, nil
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return kicked, ctx.Err()
		case <-srv.stopping:
			return kicked, ErrStopping
		}
		a.grow(time.Now())
	}
}

// allowance is how many sessions may leave now at a pace.
type allowance struct {
	perSecond float64
	due       float64
	last      time.Time // when due was right
}

// newAllowance returns an allowance of the sessions of one tick, and of one at least.
func newAllowance(perSecond float64, now time.Time) allowance {
	return allowance{perSecond, max(perSecond*drainInterval.Seconds(), 1), now}
}

// grow adds the sessions of the time that has passed. Those that were missed are made up for, up to the
// sessions of kickBurst.
func (a *allowance) grow(now time.Time) {
	a.due = min(a.due+a.perSecond*now.Sub(a.last).Seconds(), max(a.perSecond*kickBurst.Seconds(), 1))
	a.last = now
}

// kick ends up to most of the next sessions that fulfil the filter, and returns their number.
func (c *cursor) kick(f *SessionFilter, code mqttparse.ReasonCode, most int) (kicked int) {
	l := c.loop
	c.look(func(s *session) bool {
		if s.step < stepLeave && f.matches(c, s) {
			kicked++
			s.code = code
			l.resume(s, l.leave(s, outcome.Kicked))
		}
		return kicked < most
	})
	return kicked
}
