package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/web"
)

// httpServer is the HTTP side of the WS and HTTP listeners. net/http reads the requests, in
// a goroutine for each connection. One that upgrades to WebSocket is let go of:
// its session goes on in its loop, and net/http keeps nothing of it. Most upgrades
// are answered by the loop itself, as package opening does.
type httpServer struct {
	proxy   *Server
	context context.Context    // of the requests
	cancel  context.CancelFunc // ends those that still go on
	running sync.WaitGroup
	serving sync.WaitGroup // connections that net/http has, and handlers

	mu      sync.Mutex    // guards the field below
	readers []*httpReader // the last one takes the connections that arrive
}

// httpReader is net/http's server of one generation or more. Connections keep the limits that they arrived under.
type httpReader struct {
	http.Server
	arrived connListener
	conns   atomic.Int64 // that have arrived, and that net/http has not let go of
}

func newHTTPServer(srv *Server) *httpServer {
	h := &httpServer{proxy: srv}
	h.context, h.cancel = context.WithCancel(context.Background())
	return h
}

// prepare makes what a generation needs to serve HTTP. It starts net/http with the first listener of HTTP.
func (h *httpServer) prepare(before, g *generation) {
	g.handlers = map[*snapshot.Listener]*httpHandler{}
	for _, ln := range g.Listeners {
		if ln.ServesHTTP() {
			g.handlers[ln] = h.newHandler(g, ln, before.answers(ln.Name))
		}
	}
	if len(g.handlers) == 0 {
		return
	}
	r := h.newReader(&g.Timeouts, g.MaxHeaderSize)
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.readers); n > 0 {
		last := h.readers[n-1]
		if last.sameLimits(r) {
			return
		}
		_ = last.arrived.Close() // it still serves those that have arrived
	}
	h.readers = append(slices.DeleteFunc(h.readers, (*httpReader).unused), r)
	h.running.Go(func() { _ = r.Serve(&r.arrived) }) // ends at arrived's close
}

// retire frees what a generation that is not in force any more has of connections to nodes.
func (h *httpServer) retire(g *generation) {
	if g == nil {
		return
	}
	for _, handler := range g.handlers {
		handler.Close()
	}
}

// httpHandler answers the requests to a listener that are no upgrades to MQTT.
type httpHandler struct {
	*web.Handler
	answers *web.Answers // counts those of the listeners that had its name before, too
}

// newHandler makes the reverse proxy of a listener.
func (h *httpServer) newHandler(g *generation, ln *snapshot.Listener, answers *web.Answers) *httpHandler {
	pools := map[*snapshot.Pool]*web.Pool{} // connections to nodes are shared by the routes of a pool
	var routes []web.Route
	for i := range ln.Routes {
		r := &ln.Routes[i]
		if r.WebSocket {
			continue
		}
		if pools[r.Pool] == nil {
			pools[r.Pool] = &web.Pool{
				Pool: r.Pool.Pool, Cookie: r.Pool.Cookie, SendProxy: r.Pool.SendProxy, DialFailed: r.Pool.DialFailed,
			}
			if r.Pool.TLS != nil {
				pools[r.Pool].Secure = r.Pool.TLS.Secure
			}
		}
		routes = append(routes, web.Route{Host: r.Host, Path: r.Path, Pool: pools[r.Pool]})
	}
	return &httpHandler{answers: answers, Handler: web.NewHandler(web.Options{
		Answers:           answers,
		Routes:            routes,
		MaxRequestSize:    g.MaxRequestSize,
		DialTimeout:       g.Timeouts.Dial,
		ConnectTimeout:    g.Timeouts.ConnectNode,
		BodyTimeout:       g.Timeouts.RequestBody,
		MinBodyRate:       g.MinBodyRate,
		ResponseTimeout:   g.Timeouts.Response,
		TunnelTimeout:     g.Timeouts.Tunnel,
		HalfClosedTimeout: g.Timeouts.HalfClosed,
		TimedOut: func(r *http.Request, why string) {
			r.Context().Value(httpConnKey{}).(*httpConn).late.Store(&why) // it knows more than the connection
		},
		Announce: func(version int, source, destination netip.AddrPort) ([]byte, error) {
			return appendProxyHeader(nil, version, source, destination)
		},
		Log: h.proxy.log,
	})}
}

// newReader makes a server of net/http.
func (h *httpServer) newReader(timeouts *snapshot.Timeouts, maxHeader int) *httpReader {
	r := &httpReader{arrived: newConnListener()}
	r.Server = http.Server{
		Handler: http.HandlerFunc(h.serve),
		// The session's own limit comes first; these are for the requests after the first.
		ReadHeaderTimeout: timeouts.ConnectPacket + time.Second,
		// For what no handler sees: net/http reads bodies also behind its own answers.
		ReadTimeout:    pick(timeouts.RequestBody > 0, timeouts.ConnectPacket+time.Second+timeouts.RequestBody, 0),
		IdleTimeout:    timeouts.KeepAlive,
		MaxHeaderBytes: maxHeader,
		// OPTIONS * is web's to answer.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(h.proxy.log.Handler(), slog.LevelDebug),
		ConnState: func(c net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				h.serving.Add(1)
			case http.StateIdle:
				c.(*httpConn).phase.Store(phaseServed)
			case http.StateHijacked, http.StateClosed:
				r.conns.Add(-1)
				h.serving.Done()
			case http.StateActive:
			}
		},
		BaseContext: func(net.Listener) context.Context { return h.context },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, httpConnKey{}, c) },
	}
	return r
}

// sameLimits reports whether two servers give a connection the same limits.
func (r *httpReader) sameLimits(o *httpReader) bool {
	return r.ReadHeaderTimeout == o.ReadHeaderTimeout && r.ReadTimeout == o.ReadTimeout &&
		r.IdleTimeout == o.IdleTimeout && r.MaxHeaderBytes == o.MaxHeaderBytes
}

// unused reports whether the server has no connection.
func (r *httpReader) unused() bool { return r.conns.Load() == 0 }

// arrive hands a connection to net/http. It never waits.
func (h *httpServer) arrive(c *httpConn) {
	h.mu.Lock()
	defer h.mu.Unlock() // its reader stays the last one until the connection has arrived
	r := h.readers[len(h.readers)-1]
	r.conns.Add(1)
	r.arrived.arrive(c)
}

// close ends every connection, and waits until net/http has none and no handler runs.
func (h *httpServer) close() {
	h.cancel()
	h.mu.Lock()
	readers := h.readers
	h.mu.Unlock()
	for _, r := range readers {
		_ = r.arrived.Close()
		_ = r.Close()
	}
	h.running.Wait() // no connection is new from here on
	for _, r := range readers {
		_ = r.Close() // those that were on their way
	}
	h.serving.Wait()
	h.retire(h.proxy.current.Load())
}

// drain ends connections that wait for a request, and the others after it. Those
// that have just come are still served.
func (h *httpServer) drain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.readers {
		r.SetKeepAlivesEnabled(false)
	}
}

// serve answers a request, or takes it for an upgrade.
func (h *httpServer) serve(w http.ResponseWriter, r *http.Request) {
	h.serving.Add(1) // beside its connection's, which a hijack ends
	defer h.serving.Done()
	c := r.Context().Value(httpConnKey{}).(*httpConn)
	c.phase.Store(phaseBody)
	if c.session != nil {
		state := c.session.Conn().ConnectionState()
		r.TLS = &state
	}
	g, ln, gone := h.listenerOf(c)
	if gone {
		w.Header().Set("Connection", "close")
	}
	route := ln.RouteOf(r)
	switch {
	case c.excess.OfAddress():
		h.reject(w, c, g.handlers[ln], tooMany(c.excess))
	case route != nil && route.WebSocket:
		h.upgrade(w, r, c, g, ln, route)
	case ln.Protocol == snapshot.WS:
		h.reject(w, c, g.handlers[ln], &opening.Rejection{Status: http.StatusNotFound, Reason: fmt.Sprintf("path %.100q: MQTT is served at %s", r.URL.Path, ln.Routes[0].Path)})
	default:
		c.stays.Do(c.staying)
		if c.excess != outcome.None {
			h.reject(w, c, g.handlers[ln], &opening.Rejection{Status: http.StatusServiceUnavailable, Reason: "too many connections"})
			return
		}
		defer func() { // also of a panic, with which a handler aborts a response
			if g != h.proxy.current.Load() {
				g.handlers[ln].Close() // it was retired before this request was done with its node
			}
		}()
		g.handlers[ln].ServeHTTP(w, r)
	}
}

// reject answers a request that is not served, and ends the connection.
func (h *httpServer) reject(w http.ResponseWriter, c *httpConn, by *httpHandler, why *opening.Rejection) {
	c.fault = fmt.Sprintf("%d: %s", why.Status, why.Reason)
	by.answers.Add(why.Status)
	if why.Header[0] != "" {
		w.Header().Set(why.Header[0], why.Header[1])
	}
	w.Header().Set("Connection", "close")
	// net/http would wait for the rest of the request.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(lingerTime))
	http.Error(w, why.Reason, why.Status)
}

// tooMany is the answer to an address that is over one of its limits.
func tooMany(o outcome.Outcome) *opening.Rejection {
	r := &opening.Rejection{Status: http.StatusTooManyRequests, Reason: "too many connections from this address"}
	if o == outcome.RefusedAddressRate {
		r.Reason = "too many new connections from this address"
		r.Header = [2]string{"Retry-After", "1"} // by then one more is on schedule
	}
	return r
}

// listenerOf is the listener that a request has come to, and the generation that it is of: the one that its port has now,
// or, where that serves no such client, the one that the connection was accepted under. A connection without TLS is no
// client of a listener that has TLS, nor the other way round: routes may count on it.
func (h *httpServer) listenerOf(c *httpConn) (g *generation, ln *snapshot.Listener, gone bool) {
	g = h.proxy.current.Load()
	if ln = g.listeners[c.port]; ln != nil && ln.ServesHTTP() && (ln.TLS != nil) == (c.session != nil) {
		return g, ln, false
	}
	return c.generation, c.listener, true
}

// upgrade answers an upgrade to WebSocket and lets go of the connection, whose
// session goes on in its loop.
func (h *httpServer) upgrade(w http.ResponseWriter, r *http.Request, c *httpConn, g *generation, ln *snapshot.Listener, route *snapshot.Route) {
	protocol, refused := opening.CheckUpgrade(r, ln.Hosts, route.Origins)
	if refused != nil {
		h.reject(w, c, g.handlers[ln], refused)
		return
	}
	u := opening.Upgrader(protocol)
	u.Error = func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
		h.reject(w, c, g.handlers[ln], &opening.Rejection{Status: status, Reason: reason.Error()})
	}
	c.fault = "frames came before the answer to the upgrade"
	upgraded, err := u.Upgrade(w, r, nil)
	if err != nil {
		return // the connection is closed, or answered and will be
	}
	c.pool, c.request = route.Pool, opening.NodeRequest(route.Pool, r, protocol)
	c.upgraded.Store(true)
	_ = upgraded.Close()
}
