package proxy

import (
	"context"
	"errors"
	"fmt"
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
	}
	if err := (Pace{PerSecond: k.PerSecond}).check(); err != nil {
		return 0, err
	}
	cursors, err := srv.cursors(ctx, f.ID)
	if err != nil {
		return 0, err
	}
	pass := tour{cursors: cursors, outcome: outcome.Kicked, code: k.Code}
	pace := newSchedule(Pace{PerSecond: k.PerSecond}, 0, time.Now())
	pace.credit = 1 // the first leaves now
	ticks := time.NewTicker(drainInterval)
	defer ticks.Stop()
	for {
		n := pass.leave(pace.due(time.Now(), 0), func(c *cursor, s *session) bool { return f.matches(c, s) && ctx.Err() == nil })
		pace.took(n)
		kicked += n
		switch {
		case ctx.Err() != nil:
			return kicked, ctx.Err()
		case pass.over():
			return kicked, nil
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return kicked, ctx.Err()
		case <-srv.stopping:
			return kicked, ErrStopping
		}
	}
}
