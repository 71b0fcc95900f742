package proxy

import (
	"sync/atomic"
	"time"

	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
)

// checkLimits decides whether the limits let a session in whose CONNECT is valid.
// excess is the limit that it was accepted past, outcomeNone: none; now is in ns
// of a clock that only goes forward.
func checkLimits(excess outcome.Outcome, rate *rateLimit, now int64) (opening.Refusal, bool) {
	switch {
	case excess == outcome.RefusedAddressRate:
		return opening.Refusal{Outcome: excess, Code: mqttparse.ConnectionRateExceeded}, false
	case excess != outcome.None:
		return opening.Refusal{Outcome: excess, Code: mqttparse.QuotaExceeded}, false
	case !rate.take(now):
		return opening.Refusal{Outcome: outcome.RefusedRate, Code: mqttparse.ConnectionRateExceeded}, false
	}
	return opening.Refusal{}, true
}

// pace lets a number of events a second pass, as many at once as it lets pass in
// one second. It is the generic cell rate algorithm (ITU-T I.371): the time between
// events, 0 for no limit, and one number to remember, the time at which the next
// event would be on schedule.
type pace time.Duration

func newPace(perSecond int) pace {
	if perSecond == 0 {
		return 0
	}
	return pace(max(time.Second/time.Duration(perSecond), 1))
}

// take lets an event pass, or not, and returns what to remember: next is what it
// returned for the one before. All in ns.
func (p pace) take(next, now int64) (int64, bool) {
	due := max(next, now)
	if p == 0 || due-now+int64(p) > int64(time.Second) {
		return next, p == 0
	}
	return due + int64(p), true
}

// rateLimit is a pace that loops share.
type rateLimit struct {
	pace atomic.Int64 // a pace
	next atomic.Int64 // ns of the server's clock
}


// set changes the pace.
func (r *rateLimit) set(perSecond int) { r.pace.Store(int64(newPace(perSecond))) }

// take lets an event pass, or not; now is in ns.
func (r *rateLimit) take(now int64) bool {
	for {
		next := r.next.Load()
		after, ok := pace(r.pace.Load()).take(next, now)
		if after == next || r.next.CompareAndSwap(next, after) {
			return ok
		}
	}
}
