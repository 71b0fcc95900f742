package proxy

import (
	"fmt"
	"net/http"
	"time"

	"mqttlb/proxy/match"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// reject answers a request that is not served, and closes the connection.
func (h *httpServer) reject(w http.ResponseWriter, r *http.Request, c *httpConn, ln *snapshot.Listener, why *opening.Rejection) {
	c.fault = fmt.Sprintf("%d: %s", why.Status, why.Fault())
	w.Header().Set("Connection", "close")
	// Otherwise net/http waits for the rest of the request.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(c.waits.linger))
	h.answer(w, r, ln, why)
}

// answer answers a request in place of a node.
func (h *httpServer) answer(w http.ResponseWriter, r *http.Request, ln *snapshot.Listener, why *opening.Rejection) {
	h.handler(ln.Name).answers.Add(why.Status)
	if why.Header[0] != "" {
		w.Header().Set(why.Header[0], why.Header[1])
	}
	http.Error(w, why.Reason, why.Status)
	h.logRejected(ln, r, why)
}

// tooMany returns the answer to an address that exceeds one of its limits, or is banned.
func tooMany(o outcome.Outcome) *opening.Rejection {
	if o == outcome.Banned {
		return &opening.Rejection{Status: http.StatusForbidden, Reason: "this address is banned for a while"}
	}
	r := &opening.Rejection{Status: http.StatusTooManyRequests, Reason: "too many connections from this address"}
	if o == outcome.RefusedAddressRate {
		r.Reason = "too many new connections from this address"
		r.Header = [2]string{"Retry-After", "1"} // one more connection is on schedule by then
	}
	return r
}

// upgrade answers an upgrade to WebSocket and hands the connection back to its loop.
func (h *httpServer) upgrade(w http.ResponseWriter, r *http.Request, c *httpConn, ln *snapshot.Listener, route *snapshot.Route, facts match.Facts) {
	accepted, refused := opening.Accept(ln, route, r, facts)
	if refused != nil {
		h.reject(w, r, c, ln, refused)
		return
	}
	u := opening.Upgrader()
	u.Error = func(w http.ResponseWriter, r *http.Request, status int, reason error) {
		h.reject(w, r, c, ln, &opening.Rejection{Status: status, Reason: reason.Error()})
	}
	c.fault = "the client left before the answer to its upgrade"
	upgraded, err := u.Upgrade(earlyFrames{w, c}, r, accepted.Header())
	if err != nil {
		return // Upgrade has closed the connection, or has answered and will close it
	}
	c.accepted = &accepted
	c.upgraded.Store(true)
	_ = upgraded.Close()
}
