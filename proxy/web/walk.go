package web

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/walk"
)

// untilKey is where the context of a request has the time.Time by which it must have
// reached a node, for the dialer.
type untilKey struct{}

// RoundTrip takes the request to the first candidate that can be reached. Only
// a connection that could not be made leads to the next one: what was sent may have
// been done, and is not sent again. When time ran out on one of them and none was
// reached, it begins again, until ConnectTimeout is over. It is the http.RoundTripper of
// this request.
func (x *exchange) RoundTrip(out *http.Request) (*http.Response, error) {
	limit := x.handler.options.ConnectTimeout
	until := time.Now().Add(limit)
	if limit > 0 {
		out = out.WithContext(context.WithValue(out.Context(), untilKey{}, until))
	}
	for start := x.candidates; ; x.candidates = start {
		res, again, err := x.walk(out)
		if err == nil || !again || limit == 0 || !x.pause(out.Context(), until) {
			return res, err
		}
	}
}

// walk takes the request to the first candidate that can be reached. again reports
// that there was none and that time ran out on one.
func (x *exchange) walk(out *http.Request) (res *http.Response, again bool, err error) {
	reason := errNoNode
	for {
		node := x.candidates.Next()
		if node == nil {
			return nil, again, reason
		}
		if !node.Acquire() {
			if reason == errNoNode {
				reason = errNodesFull
			}
			continue
		}
		res, err := x.try(node, out)
		if err == nil {
			x.node = node
			return res, false, nil
		}
		node.Release()
		var failed *dialError
		if !errors.As(err, &failed) || out.Context().Err() != nil {
			return nil, false, err
		}
		x.handler.options.Log.Debug("node not reached", "pool", x.pool.Name, "node", node.Name, "address", node.Address, "error", err)
		what := walk.FailureOf(err)
		if what.Outcome == outcome.DescriptorsExceeded {
			return nil, false, err // another node would need one, too
		}
		if x.pool.DialFailed != nil && what.Unreached {
			x.pool.DialFailed(node)
		}
		reason, again = err, again || what.TimedOut
	}
}

// pause waits before a walk begins anew. It reports whether there is time for that, and
// somebody to do it for.
func (x *exchange) pause(ctx context.Context, until time.Time) bool {
	most := walkPause
	if limit := x.handler.options.DialTimeout; limit > 0 {
		most = min(most, limit)
	}
	pause := rand.N(most) //nolint:gosec // it is to spread, not to be secret
	if time.Until(until) <= pause {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return true
	}
}
