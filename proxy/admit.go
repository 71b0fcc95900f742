package proxy

import (
	"sync/atomic"
	"time"

	"mqttlb/mqttparse"
)

// admit decides whether the limits let a session in whose CONNECT is valid.
// excess: it was accepted past max_connections; now is in ns of a clock that
// only goes forward.
func admit(excess bool, rate *rateLimit, now int64) (refusal, bool) {
	if excess {
		return refusal{RefusedConnections, mqttparse.QuotaExceeded}, false
	}
	if !rate.take(now) {
		return refusal{RefusedRate, mqttparse.ConnectionRateExceeded}, false
	}
	return refusal{}, true
}

// rateLimit lets a number of events a second pass, as many at once as it lets
// pass in one second. It is the generic cell rate algorithm (ITU-T I.371): one
// number, the time at which the next event would be on schedule.
type rateLimit struct {
	interval time.Duration // between events; 0: no limit
	next     atomic.Int64  // ns of the server's clock
}

func newRateLimit(perSecond int) *rateLimit {
	r := &rateLimit{}
	if perSecond > 0 {
		r.interval = max(time.Second/time.Duration(perSecond), 1)
	}
	return r
}

// take lets an event pass, or not; now is in ns.
func (r *rateLimit) take(now int64) bool {
	if r.interval == 0 {
		return true
	}
	for {
		next := r.next.Load()
		due := max(next, now)
		if time.Duration(due-now)+r.interval > time.Second {
			return false
		}
		if r.next.CompareAndSwap(next, due+int64(r.interval)) {
			return true
		}
	}
}
