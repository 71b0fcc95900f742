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
	f := &httpServer{listener: ln, rejected: map[int]uint64{}, arrived: connListener{bound: ln.bound, conns: make(chan net.Conn, reactor.AcceptBatch), closed: make(chan struct{})}}
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
	f.web = web.NewHandler(web.Options{
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
	f.context, f.cancel = context.WithCancel(context.Background())
	f.server = &http.Server{
		Handler: http.HandlerFunc(f.serve),
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
				f.serving.Add(1)
			case http.StateIdle:
				c.(*httpConn).phase.Store(phaseServed)
			case http.StateHijacked, http.StateClosed:
				f.serving.Done()
			case http.StateActive:
			}
		},
		BaseContext: func(net.Listener) context.Context { return f.context },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, httpConnKey{}, c) },
	}
	f.running.Go(func() { _ = f.server.Serve(&f.arrived) }) // ends at close
	return f
}

// close ends every connection, and waits until net/http has none and no handler runs.
func (f *httpServer) close() {
	f.cancel()
	_ = f.server.Close()
	f.running.Wait() // no connection is new from here on
	f.serving.Wait()
	f.web.Close()
}

// drain ends connections that wait for a request, and the others after it. Those
// that have just come are still served.
func (f *httpServer) drain() { f.server.SetKeepAlivesEnabled(false) }

// serve answers a request, or takes it for an upgrade.
func (f *httpServer) serve(w http.ResponseWriter, r *http.Request) {
	f.serving.Add(1) // beside its connection's, which a hijack ends
	defer f.serving.Done()
	v := r.Context().Value(httpConnKey{}).(*httpConn)
	v.phase.Store(phaseBody)
	if v.session != nil {
		state := v.session.Conn().ConnectionState()
		r.TLS = &state
	}
	route := f.listener.RouteOf(r)
	switch {
	case v.excess.OfAddress():
		f.reject(w, v, tooMany(v.excess))
	case route != nil && route.WebSocket:
		f.upgrade(w, r, v, route)
	case f.listener.Protocol == snapshot.WS:
		f.reject(w, v, &opening.Rejection{Status: http.StatusNotFound, Reason: fmt.Sprintf("path %.100q: MQTT is served at %s", r.URL.Path, f.listener.Routes[0].Path)})
	default:
		v.stays.Do(v.staying)
		if v.excess != outcomeNone {
			f.reject(w, v, &opening.Rejection{Status: http.StatusServiceUnavailable, Reason: "too many connections"})
			return
		}
		f.web.ServeHTTP(w, r)
	}
}

// reject answers a request that is not served, and ends the connection.
func (f *httpServer) reject(w http.ResponseWriter, v *httpConn, why *opening.Rejection) {
	v.fault = fmt.Sprintf("%d: %s", why.Status, why.Reason)
	f.mu.Lock()
	f.rejected[why.Status]++
	f.mu.Unlock()
	if why.Header[0] != "" {
		w.Header().Set(why.Header[0], why.Header[1])
	}
	w.Header().Set("Connection", "close")
	// net/http would wait for the rest of the request.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(lingerTime))
	http.Error(w, why.Reason, why.Status)
}

// tooMany is the answer to an address that is over one of its limits.
func tooMany(o Outcome) *opening.Rejection {
	r := &opening.Rejection{Status: http.StatusTooManyRequests, Reason: "too many connections from this address"}
	if o == RefusedAddressRate {
		r.Reason = "too many new connections from this address"
		r.Header = [2]string{"Retry-After", "1"} // by then one more is on schedule
	}
	return r
}

// answers counts the requests that no node answered, by status.
func (f *httpServer) answers() map[int]uint64 {
	counts := f.web.Answers()
	f.mu.Lock()
	defer f.mu.Unlock()
	for status, n := range f.rejected {
		counts[status] += n
	}
	return counts
}

// upgrade answers an upgrade to WebSocket and lets go of the connection, whose
// session goes on in its loop.
func (f *httpServer) upgrade(w http.ResponseWriter, r *http.Request, v *httpConn, route *snapshot.Route) {
	protocol, refused := opening.CheckUpgrade(r, f.listener.Hosts, route.Origins)
	if refused != nil {
		f.reject(w, v, refused)
		return
	}
	u := opening.Upgrader(protocol)
	u.Error = func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
		f.reject(w, v, &opening.Rejection{Status: status, Reason: reason.Error()})
	}
	v.fault = "frames came before the answer to the upgrade"
	c, err := u.Upgrade(w, r, nil)
	if err != nil {
		return // the connection is closed, or answered and will be
	}
	v.pool, v.request = route.Pool, opening.NodeRequest(route.Pool, r, protocol)
	v.upgraded.Store(true)
	_ = c.Close()
}
