package proxy

import (
	"net/http"
	"sync/atomic"

	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/rate"
	"mqttlb/proxy/snapshot"
)

// The connection of a trusted HTTP proxy carries requests of many clients, one after the other. The proxy
// itself has no limit of an address. In its place each request counts as a connection of its client as long
// as it is served. An upgrade to MQTT counts until its session ends. Only upgrades count as new connections
// in the rate of an address, since it is not known when the clients have connected to the proxy.

// forwarded is the client of a request that came through a trusted proxy. The zero value stands for a client
// of the connection itself.
type forwarded struct {
	opening.Client
	addresses *addresses      // that count the client; nil: none do
	excess    outcome.Outcome // the limit that the client exceeds; None: it exceeds no limit
	left      atomic.Bool     // the client does not count any more, or its session counts it
}

// forwardedFor finds the client of a request, writes it into the request, and applies the limits of its
// address. The result is nil if the client is that of the connection.
func (h *httpServer) forwardedFor(c *httpConn, ln *snapshot.Listener, r *http.Request, upgrade bool) *forwarded {
	f := &forwarded{Client: c.client.OfRequest(ln, r.Header)}
	if f.Source == c.client.Source {
		return nil
	}
	r.RemoteAddr = f.Source.String()
	if h.proxy.bans.refuse(f.Limited(), &h.proxy.current.Load().Bans, h.now()) {
		f.excess = outcome.Banned
		return f
	}
	limits := h.proxy.current.Load().address
	if !upgrade {
		limits.pace = rate.Pace{}
	}
	refused, counted := h.proxy.addresses.enter(f.Limited(), limits, h.now())
	f.excess = refused
	if counted {
		f.addresses = h.proxy.addresses
	}
	return f
}

// over returns the limit that the client exceeds, or None.
func (f *forwarded) over() outcome.Outcome {
	if f == nil {
		return outcome.None
	}
	return f.excess
}

// handOver reports whether the client is counted, and leaves it to the caller to uncount it.
func (f *forwarded) handOver() bool { return f.addresses != nil && !f.left.Swap(true) }

// leave uncounts the client. It may be called twice, from any goroutine, and on nil.
func (f *forwarded) leave(now int64) {
	if f != nil && f.handOver() {
		f.addresses.leave(f.Limited(), f.excess.OfAddress(), now)
	}
}

// forwardedUpgrade is the client of the request after which net/http lets go of a connection, if a trusted
// proxy has forwarded it. The loop takes it over with the connection, or uncounts it if the session has ended.
type forwardedUpgrade struct {
	client atomic.Pointer[forwarded] // nil: none
	ended  atomic.Bool               // set before the loop uncounts client
}

// set is called by the goroutine that serves the request.
func (u *forwardedUpgrade) set(f *forwarded, now int64) {
	u.client.Store(f)
	if u.ended.Load() {
		f.leave(now)
	}
}

// end is called by the loop.
func (u *forwardedUpgrade) end(now int64) {
	u.ended.Store(true)
	u.client.Load().leave(now)
}

// adopt makes the client of an upgrade that of its session, with its place in the limits of its address.
// It returns false if the session has lost its place among the connections meanwhile.
func (l *loop) adopt(s *session, f *forwarded) bool {
	o := s.pending
	if s.counted&inAddresses != 0 { // a reload has made a proxy of the client
		l.server.addresses.leave(s.source.addrPort().Addr(), s.excess.OfAddress(), l.Now())
	}
	s.counted, s.source, o.Client = pick(f.handOver(), inAddresses, 0), originOf(f.Source), f.Client
	if f.excess != outcome.None || s.excess.OfAddress() {
		s.excess = f.excess
	}
	return !o.releaseMemory() // it is counted anew, for this client
}
