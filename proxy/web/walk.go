package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/walk"
)

// unreachedError is the error of a request that reached no node.
type unreachedError struct {
	reason outcome.Outcome
	last   error // error of the last attempt; nil: no attempt
}

func (e *unreachedError) Error() string {
	if e.last == nil {
		return e.reason.String()
	}
	return e.reason.String() + ": " + e.last.Error()
}

func (e *unreachedError) Unwrap() error { return e.last }

// RoundTrip sends the request to the first reachable candidate. It tries the next one
// only after a failed connection: a request that was sent may have taken effect and is
// not repeated. It makes exchange the http.RoundTripper of this request.
func (x *exchange) RoundTrip(out *http.Request) (*http.Response, error) {
	begun := time.Now()
	w := walk.New(x.candidates, int64(x.settings.ConnectTimeout), x.settings.walkPause())
	var until time.Time
	if w.Until() != 0 {
		until = begun.Add(x.settings.ConnectTimeout)
	}
	var last error
	for {
		node, pause := w.Next(int64(time.Since(begun)))
		if pause > 0 {
			if err := wait(out.Context(), pause); err != nil {
				return nil, err
			}
			continue
		}
		if node == nil {
			return nil, &unreachedError{w.Reason(), last}
		}
		res, err := x.sendTo(node, until, out)
		if err == nil {
			node.Observed(true)
			return res, nil
		}
		node.Release()
		x.tried = node.Name
		_, unreached := errors.AsType[*dialError](err)
		if !unreached {
			x.asked = node.Name
		}
		if !unreached || out.Context().Err() != nil {
			return nil, err
		}
		last = err
		x.handler.options.Log.Debug("node not reached", "pool", x.pool.Name, "node", node.Name, "address", node.Address, "error", err)
		if failed := w.Failed(err); failed.Unreached {
			node.Observed(false)
			if x.pool.DialFailed != nil {
				x.pool.DialFailed(node)
			}
		}
	}
}

// wait waits for the pause, or returns the context's error if the context is done first.
func wait(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
