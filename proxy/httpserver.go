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
	"mqttlb/proxy/reactor"
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

	mu       sync.Mutex                          // guards the fields below
	readers  []*httpReader                       // the last one takes the connections that arrive
	handlers map[*snapshot.Listener]*web.Handler // of the present generation
	rejected map[string]map[int]uint64           // by listener and status
}

// httpReader is net/http's server of one generation or more. Connections keep the limits that they arrived under.
type httpReader struct {
	http.Server
	arrived connListener
	conns   atomic.Int64 // that it has
}

func newHTTPServer(srv *Server) *httpServer {
	h := &httpServer{proxy: srv, rejected: map[string]map[int]uint64{}}
	h.context, h.cancel = context.WithCancel(context.Background())
	return h
}

// apply has the server go by a generation. It starts net/http with the first listener of HTTP.
func (h *httpServer) apply(g *generation) {
	if !slices.ContainsFunc(g.Listeners, (*snapshot.Listener).ServesHTTP) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.handlers
	h.handlers = map[*snapshot.Listener]*web.Handler{}
	for _, ln := range g.Listeners {
		if ln.ServesHTTP() {
			h.handlers[ln] = h.newHandler(g, ln)
		}
	}
	for _, handler := range old {
		handler.Close()
	}
	r := h.newReader(&g.Timeouts, g.MaxHeaderSize)
	if n := len(h.readers); n > 0 {
		last := h.readers[n-1]
		if last.sameLimits(r) {
			return
		}
		_ = last.arrived.Close() // its connections go on
	}
	h.readers = append(slices.DeleteFunc(h.readers, (*httpReader).unused), r)
	h.running.Go(func() { _ = r.Serve(&r.arrived) }) // ends at arrived's close
}

// newHandler makes the reverse proxy of a listener.
func (h *httpServer) newHandler(g *generation, ln *snapshot.Listener) *web.Handler {
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
	return web.NewHandler(web.Options{
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
	})
}

// newReader makes a server of net/http.
func (h *httpServer) newReader(timeouts *snapshot.Timeouts, maxHeader int) *httpReader {
	r := &httpReader{arrived: connListener{conns: make(chan net.Conn, reactor.AcceptBatch), closed: make(chan struct{})}}
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
				r.conns.Add(1)
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
func (r *httpReader) unused() bool { return r.conns.Load() == 0 && len(r.arrived.conns) == 0 }

// arrive hands a connection to net/http. It never waits.
func (h *httpServer) arrive(c *httpConn) {
	h.mu.Lock()
	r := h.readers[len(h.readers)-1]
	h.mu.Unlock()
	r.arrived.arrive(c, &h.running)
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
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, handler := range h.handlers {
		handler.Close()
	}
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
	ln, gone := h.listenerOf(c)
	if gone {
		w.Header().Set("Connection", "close")
	}
	route := ln.RouteOf(r)
	switch {
	case c.excess.OfAddress():
		h.reject(w, c, tooMany(c.excess))
	case route != nil && route.WebSocket:
		h.upgrade(w, r, c, ln, route)
	case ln.Protocol == snapshot.WS:
		h.reject(w, c, &opening.Rejection{Status: http.StatusNotFound, Reason: fmt.Sprintf("path %.100q: MQTT is served at %s", r.URL.Path, ln.Routes[0].Path)})
	default:
		c.stays.Do(c.staying)
		if c.excess != outcome.None {
			h.reject(w, c, &opening.Rejection{Status: http.StatusServiceUnavailable, Reason: "too many connections"})
			return
		}
		h.handler(ln).ServeHTTP(w, r)
	}
}

// reject answers a request that is not served, and ends the connection.
func (h *httpServer) reject(w http.ResponseWriter, c *httpConn, why *opening.Rejection) {
	c.fault = fmt.Sprintf("%d: %s", why.Status, why.Reason)
	h.mu.Lock()
	if h.rejected[c.listener.Name] == nil {
		h.rejected[c.listener.Name] = map[int]uint64{}
	}
	h.rejected[c.listener.Name][why.Status]++
	h.mu.Unlock()
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

// listenerOf is the listener that a request has come to: the one that its port has now, or, where that is gone, the one that
// the connection was accepted under.
func (h *httpServer) listenerOf(c *httpConn) (ln *snapshot.Listener, gone bool) {
	if ln = h.proxy.current.Load().listeners[c.port]; ln != nil && ln.ServesHTTP() {
		return ln, false
	}
	return c.listener, true
}

func (h *httpServer) handler(ln *snapshot.Listener) http.Handler {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.handlers[ln]
}

// answers counts the requests to a listener that no node answered, by status.
func (h *httpServer) answers(listener string) map[int]uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	counts := map[int]uint64{}
	for ln, handler := range h.handlers {
		if ln.Name == listener {
			counts = handler.Answers()
		}
	}
	for status, n := range h.rejected[listener] {
		counts[status] += n
	}
	return counts
}

// upgrade answers an upgrade to WebSocket and lets go of the connection, whose
// session goes on in its loop.
func (h *httpServer) upgrade(w http.ResponseWriter, r *http.Request, c *httpConn, ln *snapshot.Listener, route *snapshot.Route) {
	protocol, refused := opening.CheckUpgrade(r, ln.Hosts, route.Origins)
	if refused != nil {
		h.reject(w, c, refused)
		return
	}
	u := opening.Upgrader(protocol)
	u.Error = func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
		h.reject(w, c, &opening.Rejection{Status: status, Reason: reason.Error()})
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
