package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/web"
)

// httpServer is the HTTP side of a WS or HTTP listener. net/http reads the requests, in
// a goroutine for each connection. One that upgrades to WebSocket is let go of:
// its session goes on in its loop, and net/http keeps nothing of it. Most upgrades
// are answered by the loop itself, as package opening does.
type httpServer struct {
	listener *listener
	waits    *waits // the server's
	server   *http.Server
	web      *web.Handler // for the routes whose pools speak HTTP
	arrived  connListener
	context  context.Context    // of the requests
	cancel   context.CancelFunc // ends those that still go on
	running  sync.WaitGroup
	serving  sync.WaitGroup // connections that net/http has, and handlers

	mu       sync.Mutex // guards rejected
	rejected map[int]uint64
}

// newHTTPServer makes the HTTP server of a listener and starts it.
func newHTTPServer(srv *Server, ln *listener) *httpServer {
	snap := srv.snapshot
	h := &httpServer{listener: ln, waits: &srv.waits, rejected: map[int]uint64{}, arrived: connListener{bound: ln.bound, conns: make(chan net.Conn, reactor.AcceptBatch), closed: make(chan struct{})}}
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
	h.web = web.NewHandler(web.Options{
		Routes:            routes,
		MaxRequestSize:    snap.MaxRequestSize,
		DialTimeout:       snap.Timeouts.Dial,
		ConnectTimeout:    snap.Timeouts.ConnectNode,
		BodyTimeout:       snap.Timeouts.RequestBody,
		MinBodyRate:       snap.MinBodyRate,
		ResponseTimeout:   snap.Timeouts.Response,
		TunnelTimeout:     snap.Timeouts.Tunnel,
		HalfClosedTimeout: snap.Timeouts.HalfClosed,
		TimedOut: func(r *http.Request, why string) {
			r.Context().Value(httpConnKey{}).(*httpConn).late.Store(&why) // it knows more than the connection
		},
		Announce: func(version int, source, destination netip.AddrPort) ([]byte, error) {
			return appendProxyHeader(nil, version, source, destination)
		},
		Log: srv.log,
	})
	h.context, h.cancel = context.WithCancel(context.Background())
	h.server = &http.Server{
		Handler: http.HandlerFunc(h.serve),
		// The session's own limit comes first; these are for the requests after the first.
		ReadHeaderTimeout: snap.Timeouts.ConnectPacket + time.Second,
		// For what no handler sees: net/http reads bodies also behind its own answers.
		ReadTimeout:    pick(snap.Timeouts.RequestBody > 0, snap.Timeouts.ConnectPacket+time.Second+snap.Timeouts.RequestBody, 0),
		IdleTimeout:    snap.Timeouts.KeepAlive,
		MaxHeaderBytes: snap.MaxHeaderSize,
		// OPTIONS * is web's to answer.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(srv.log.Handler(), slog.LevelDebug),
		ConnState: func(c net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				h.serving.Add(1)
			case http.StateIdle:
				c.(*httpConn).phase.Store(phaseServed)
			case http.StateHijacked, http.StateClosed:
				h.serving.Done()
			case http.StateActive:
			}
		},
		BaseContext: func(net.Listener) context.Context { return h.context },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, httpConnKey{}, c) },
	}
	h.running.Go(func() { _ = h.server.Serve(&h.arrived) }) // ends at close
	return h
}

// close ends every connection, and waits until net/http has none and no handler runs.
func (h *httpServer) close() {
	h.cancel()
	_ = h.server.Close()
	h.running.Wait() // no connection is new from here on
	h.serving.Wait()
	h.web.Close()
}

// drain ends connections that wait for a request, and the others after it. Those
// that have just come are still served.
func (h *httpServer) drain() { h.server.SetKeepAlivesEnabled(false) }

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
	route := h.listener.RouteOf(r)
	switch {
	case c.excess.OfAddress():
		h.reject(w, c, tooMany(c.excess))
	case route != nil && route.WebSocket:
		h.upgrade(w, r, c, route)
	case h.listener.Protocol == snapshot.WS:
		h.reject(w, c, &opening.Rejection{Status: http.StatusNotFound, Reason: fmt.Sprintf("path %.100q: MQTT is served at %s", r.URL.Path, h.listener.Routes[0].Path)})
	default:
		c.stays.Do(c.staying)
		if c.excess != outcome.None {
			h.reject(w, c, &opening.Rejection{Status: http.StatusServiceUnavailable, Reason: "too many connections"})
			return
		}
		h.web.ServeHTTP(w, r)
	}
}

// reject answers a request that is not served, and ends the connection.
func (h *httpServer) reject(w http.ResponseWriter, c *httpConn, why *opening.Rejection) {
	c.fault = fmt.Sprintf("%d: %s", why.Status, why.Reason)
	h.mu.Lock()
	h.rejected[why.Status]++
	h.mu.Unlock()
	if why.Header[0] != "" {
		w.Header().Set(why.Header[0], why.Header[1])
	}
	w.Header().Set("Connection", "close")
	// net/http would wait for the rest of the request.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.waits.linger))
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

// answers counts the requests that no node answered, by status.
func (h *httpServer) answers() map[int]uint64 {
	counts := h.web.Answers()
	h.mu.Lock()
	defer h.mu.Unlock()
	for status, n := range h.rejected {
		counts[status] += n
	}
	return counts
}

// upgrade answers an upgrade to WebSocket and lets go of the connection, whose
// session goes on in its loop.
func (h *httpServer) upgrade(w http.ResponseWriter, r *http.Request, c *httpConn, route *snapshot.Route) {
	protocol, refused := opening.CheckUpgrade(r, h.listener.Hosts, route.Origins)
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
