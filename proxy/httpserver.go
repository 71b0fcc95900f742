package proxy

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"mqttlb/proxy/http1"
	"mqttlb/proxy/match"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/web"
)

// httpServer serves HTTP on the listeners of protocol ws and http. net/http reads the requests, in a
// goroutine for each connection. After an upgrade to WebSocket net/http keeps nothing of the
// connection, and its session continues in its loop. The loop itself answers most upgrades; see
// package opening.
type httpServer struct {
	proxy   *Server
	context context.Context    // of the requests
	cancel  context.CancelFunc // ends the requests that still run
	running sync.WaitGroup
	serving sync.WaitGroup // connections that net/http has, and running handlers

	mu       sync.Mutex              // guards the fields below
	readers  []*httpReader           // the last one serves new connections
	handlers map[string]*httpHandler // by the listener's name
}

// httpHandler answers the HTTP requests to one listener, except upgrades to MQTT.
type httpHandler struct {
	*web.Handler
	answers web.Answers
}

func newHTTPServer(srv *Server) *httpServer {
	h := &httpServer{proxy: srv, handlers: map[string]*httpHandler{}}
	h.context, h.cancel = context.WithCancel(context.Background())
	return h
}

// apply adopts a generation. The first listener that serves HTTP starts net/http.
func (h *httpServer) apply(g *generation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	serves := map[string]*snapshot.Listener{}
	for _, ln := range g.Listeners {
		if ln.ServesHTTP() {
			serves[ln.Name] = ln
			if h.handlers[ln.Name] == nil {
				h.handlers[ln.Name] = h.newHandler(ln.Name)
			}
		}
	}
	for name, handler := range h.handlers {
		handler.Apply(webSettings(g.Snapshot, serves[name]))
	}
	if len(serves) == 0 {
		return
	}
	r := h.newReader(&g.Timeouts, g.MaxHeaderSize)
	if n := len(h.readers); n > 0 {
		last := h.readers[n-1]
		if last.sameLimits(r) {
			return
		}
		_ = last.arrived.Close() // it still serves the connections that have arrived
	}
	h.readers = append(slices.DeleteFunc(h.readers, (*httpReader).unused), r)
	h.running.Go(func() { _ = r.Serve(&r.arrived) }) // ends at arrived's close
}

// newHandler makes the handler of a listener, which outlives generations.
func (h *httpServer) newHandler(listener string) *httpHandler {
	handler := new(httpHandler)
	handler.Handler = web.NewHandler(web.Options{
		Answers: &handler.answers,
		TimedOut: func(r *http.Request, why string) {
			r.Context().Value(httpConnKey{}).(*httpConn).late.Store(&why) // more precise than the limit that the connection notes
		},
		Served: func(r *http.Request, s web.Served) { h.logServed(listener, r, &s) },
		Announce: func(version int, source, destination netip.AddrPort) ([]byte, error) {
			return appendProxyHeader(nil, version, source, destination)
		},
		MayDial: h.proxy.mayDial,
		Log:     h.proxy.log.With("listener", listener),
	})
	return handler
}

// arrive hands a connection to net/http. It never waits.
func (h *httpServer) arrive(c *httpConn) {
	h.mu.Lock()
	defer h.mu.Unlock() // the reader must stay the last one until the connection has arrived
	c.handler = h.handlers[c.listener.Name]
	r := h.readers[len(h.readers)-1]
	r.conns.Add(1)
	r.arrived.arrive(c)
}

// webSettings returns the settings for the HTTP requests to a listener. ln is nil for a removed
// listener whose last requests still run.
func webSettings(snap *snapshot.Snapshot, ln *snapshot.Listener) web.Settings {
	s := web.Settings{
		MaxRequestSize:    snap.MaxRequestSize,
		DialTimeout:       snap.Timeouts.Dial,
		ConnectTimeout:    snap.Timeouts.ConnectNode,
		BodyTimeout:       snap.Timeouts.RequestBody,
		MinBodyRate:       snap.MinBodyRate,
		ResponseTimeout:   snap.Timeouts.Response,
		TunnelTimeout:     snap.Timeouts.Tunnel,
		HalfClosedTimeout: snap.Timeouts.HalfClosed,
		SocketBuffer:      snap.SocketBuffer,
	}
	if ln == nil {
		return s
	}
	for i := range ln.Routes {
		if r := &ln.Routes[i]; !r.WebSocket {
			s.Pools = append(s.Pools, r.Pool)
		}
	}
	return s
}

// close closes every connection, and waits until net/http has none and no handler runs.
func (h *httpServer) close() {
	h.cancel()
	h.mu.Lock()
	readers := h.readers
	h.mu.Unlock()
	for _, r := range readers {
		_ = r.arrived.Close()
		_ = r.Close()
	}
	h.running.Wait() // no connection arrives after this
	for _, r := range readers {
		_ = r.Close() // connections that were being handed over
	}
	h.serving.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, handler := range h.handlers {
		handler.Close()
	}
}

// stop closes connections that wait for a request, and the others after their request. Connections
// that have just arrived are still served.
func (h *httpServer) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.readers {
		r.SetKeepAlivesEnabled(false)
	}
}

// serve answers a request or upgrades its connection.
func (h *httpServer) serve(w http.ResponseWriter, r *http.Request) {
	h.serving.Add(1) // in addition to that of the connection, which a hijack ends
	defer h.serving.Done()
	c := r.Context().Value(httpConnKey{}).(*httpConn)
	c.phase.Store(phaseBody)
	defer c.wire.answered.Add(1)
	if c.header.Swap(nil).end() == lostPlace {
		_ = c.Close()
		return
	}
	if c.session != nil {
		state := c.session.Conn().ConnectionState()
		r.TLS = &state
	}
	ln, gone := h.listenerOf(c)
	if gone {
		w.Header().Set("Connection", "close")
	}
	facts := match.Facts{Address: c.client.OfRequest(ln, r.Header).Source.Addr(), TLS: c.tls}
	route, err := ln.Target(r, facts)
	fault, wrongHost := c.wire.refused(), opening.CheckHost(r, ln)
	if err != nil && fault == nil {
		fault = c.wire.refuse(&http1.Fault{Status: http.StatusBadRequest, Reason: err.Error()})
	}
	upgrade := ln.Protocol == snapshot.WS || route != nil && route.WebSocket
	last := upgrade || fault != nil || wrongHost != nil // an upgrade or a refusal ends the requests
	f := h.forwardedFor(c, ln, r, last || len(r.Header["Upgrade"]) > 0)
	if last {
		c.forwarded.set(f, h.now())
	} else {
		defer func() { f.leave(h.now()) }()
	}
	switch {
	case fault != nil:
		h.reject(w, r, c, ln, &opening.Rejection{Status: fault.Status, Reason: fault.Reason})
	case c.excess.OfAddress():
		h.reject(w, r, c, ln, tooMany(c.excess))
	case f == nil && h.proxy.bans.refuse(c.client.Limited(), &h.proxy.current.Load().Bans, h.now()): // since the connection was accepted
		h.reject(w, r, c, ln, tooMany(outcome.Banned))
	case f.over() != outcome.None && (last || r.ContentLength != 0):
		h.reject(w, r, c, ln, tooMany(f.over()))
	case wrongHost != nil:
		if !upgrade {
			c.stays.Do(c.staying) // no upgrade has failed
		}
		h.reject(w, r, c, ln, wrongHost)
	case route != nil && route.WebSocket:
		h.upgrade(w, r, c, ln, route, facts)
	case ln.Protocol == snapshot.WS:
		h.reject(w, r, c, ln, &opening.Rejection{
			Status: http.StatusNotFound,
			Reason: fmt.Sprintf("path %.100q is not served here", r.URL.Path),
			Detail: "MQTT is served at " + strings.Join(ln.UpgradePaths(), ", "),
		})
	default:
		c.stays.Do(c.staying)
		if c.excess != outcome.None {
			h.reject(w, r, c, ln, &opening.Rejection{Status: http.StatusServiceUnavailable, Reason: "too many connections"})
			return
		}
		switch denied := h.deny(c, ln, facts); {
		case denied == nil:
		case f != nil && r.ContentLength == 0: // other clients may share the connection
			h.answer(w, r, ln, denied)
			return
		default:
			h.reject(w, r, c, ln, denied)
			return
		}
		if most := h.proxy.current.Load().webPlaces; !c.web.take(&h.proxy.web, most) {
			h.reject(w, r, c, ln, &opening.Rejection{
				Status: http.StatusServiceUnavailable,
				Reason: fmt.Sprintf("too many connections with requests: %d, half of limits.max_connections, are open", most),
			})
			return
		}
		if f.over() != outcome.None { // other clients may share the connection
			h.answer(w, r, ln, tooMany(f.over()))
			return
		}
		var pool *snapshot.Pool
		if route != nil {
			pool = route.Pool
		}
		h.handler(ln.Name).Serve(w, r, pool)
	}
}

// now returns the time of the loops' clock.
func (h *httpServer) now() int64 { return int64(time.Since(h.proxy.epoch)) }

// listenerOf returns the listener that now has the port of a connection, or the one that the
// connection was accepted under if the new one serves no such client; then gone is true. A connection
// without TLS is never served by a listener with TLS, nor the reverse, since the configuration of
// routes may rely on TLS.
func (h *httpServer) listenerOf(c *httpConn) (ln *snapshot.Listener, gone bool) {
	ln = h.proxy.current.Load().listeners[c.port]
	if ln != nil && ln.ServesHTTP() && (ln.TLS != nil) == (c.session != nil) {
		return ln, false
	}
	return c.listener, true
}

// handler returns the handler of a listener.
func (h *httpServer) handler(listener string) *httpHandler {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.handlers[listener]
}
