package web

import (
	"cmp"
	"net/http"
	"sync/atomic"
	"time"

	"mqttlb/proxy/snapshot"
)

// Served describes a request that is over, with its response or its tunnel.
type Served struct {
	Pool   string // "" if the request has no route
	Node   string // that got the request, or else was tried last; "" if none was
	Status int    // 0 if the client left before the answer
	ByNode bool   // a node has answered, and not the balancer

	// Received and Sent are the bytes of the bodies, and those of the tunnel after an upgrade.
	Received, Sent int64

	Duration time.Duration // from the header of the request

	// Error says why the balancer answered itself, or why the response or the tunnel was
	// cut short; "" if it was not. It may name nodes and their addresses.
	Error string
}

// running is a request while it runs.
type running struct {
	handler *Handler
	in      *http.Request
	begun   time.Time
	pool    *snapshot.Pool
	body    *clientBody // nil: none

	exchange *exchange // nil: no node was asked
	status   int       // of the balancer's own answer; 0: there was none
	sent     int64     // bytes of that answer
	why      string    // the reason of that answer
	whole    bool      // the handler returned, and did not abort the connection

	late atomic.Pointer[string] // the time limit that the request exceeded; nil: none
}

// answered notes the balancer's own answer.
func (q *running) answered(status int, why string) {
	q.handler.answers.Add(status)
	q.status = status
	if q.why == "" {
		q.why = why
	}
}

// timedOut reports a request that exceeded a time limit. It may be called from any
// goroutine.
func (q *running) timedOut(why string) {
	q.late.CompareAndSwap(nil, &why)
	h := q.handler
	h.options.Log.Debug("request timed out", "client", q.in.RemoteAddr, "method", q.in.Method, "error", why)
	if h.options.TimedOut != nil {
		h.options.TimedOut(q.in, why)
	}
}

// end reports the request. Nothing of it runs any more, except that the other half of a
// tunnel may still notice its end.
func (q *running) end() {
	if q.handler.options.Served == nil {
		return
	}
	s := Served{Status: q.status, Sent: q.sent, Duration: time.Since(q.begun), Error: q.why}
	if q.pool != nil {
		s.Pool = q.pool.Name
	}
	if q.body != nil {
		s.Received = q.body.arrived()
	}
	if x := q.exchange; x != nil {
		s.Node = cmp.Or(x.asked, x.tried)
		s.Received += x.w.received.Load()
		if q.status == 0 {
			s.Status, s.Sent = x.w.status, x.w.sent.Load()
			s.ByNode = s.Status != 0
		}
	}
	switch late := q.late.Load(); {
	case late != nil:
		s.Error = *late
	case !q.whole && s.Error != "":
	case !q.whole && s.Status == 0:
		s.Error = "the client left before the answer"
	case !q.whole:
		s.Error = "the response was cut short: the client left, or the node ended it early"
	}
	q.handler.options.Served(q.in, s)
}
