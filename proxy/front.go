package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mqttlb/proxy/reactor"
	"mqttlb/proxy/tlsterm"
	"mqttlb/proxy/web"
)

// front is the HTTP side of a WS or HTTP listener. net/http reads the requests, in
// a goroutine for each connection. One that upgrades to WebSocket is let go of:
// its session goes on in its loop, and net/http keeps nothing of it. Most upgrades
// are answered by the loop itself, in inline.go.
type front struct {
	listener *listener
	server   *http.Server
	web      *web.Handler // for the routes whose pools speak HTTP
	arrivals arrivals
	context  context.Context    // of the requests
	cancel   context.CancelFunc // ends those that still go on
	running  sync.WaitGroup

	mu       sync.Mutex // guards rejected
	rejected map[int]uint64
}

// newFront makes the front of a listener and starts it.
func newFront(srv *Server, ln *listener) *front {
	snap := srv.snapshot
	f := &front{listener: ln, rejected: map[int]uint64{}, arrivals: arrivals{bound: ln.bound, visits: make(chan net.Conn, reactor.AcceptBatch), closed: make(chan struct{})}}
	pools := map[*Pool]*web.Pool{} // connections to nodes are shared by the routes of a pool
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
		Routes:          routes,
		MaxRequestSize:  snap.MaxRequestSize,
		DialTimeout:     snap.Timeouts.Dial,
		ConnectTimeout:  snap.Timeouts.ConnectNode,
		ResponseTimeout: snap.Timeouts.Response,
		Announce: func(version int, source, destination netip.AddrPort) ([]byte, error) {
			return announce(nil, version, source, destination)
		},
		Log: srv.log,
	})
	f.context, f.cancel = context.WithCancel(context.Background())
	f.server = &http.Server{
		Handler: http.HandlerFunc(f.serve),
		// The session's own limit comes first; this is for the requests after the first.
		ReadHeaderTimeout: snap.Timeouts.ConnectPacket + time.Second,
		IdleTimeout:       snap.Timeouts.KeepAlive,
		MaxHeaderBytes:    snap.MaxHeaderSize,
		// OPTIONS * is web's to answer.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(srv.log.Handler(), slog.LevelDebug),
		BaseContext:                  func(net.Listener) context.Context { return f.context },
		ConnContext:                  func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, visitKey{}, c) },
	}
	f.running.Go(func() { _ = f.server.Serve(&f.arrivals) }) // ends at close
	return f
}

// close ends every connection and waits until net/http has none.
func (f *front) close() {
	f.cancel()
	_ = f.server.Close()
	f.web.Close()
	f.running.Wait()
}

// drain ends connections that wait for a request, and the others after it. Those
// that have just come are still served.
func (f *front) drain() { f.server.SetKeepAlivesEnabled(false) }

// visit is a client's connection while net/http has it.
type visit struct {
	net.Conn
	session *tlsterm.Session // that Conn is of; nil: no TLS
	excess  Outcome          // the limit that it is past, to be told so; 0: none

	// Each is called once at most, from any goroutine: staying when the
	// connection turns out to be one of HTTP requests, left when net/http has let
	// go of it, by closing it or with an upgrade.
	staying, left func()
	stayed        bool // the loop knows of staying; its own

	received, sent atomic.Uint64 // bytes
	gone           atomic.Bool   // the client's stream ended before anything was answered
	upgraded       atomic.Bool
	stays, leaves  sync.Once

	// What came of it, to be read after left.
	pool     *Pool // of the upgrade; nil: there was none
	entrance *entrance
	fault    string // why there was none
}

type visitKey struct{}

func (v *visit) Read(b []byte) (int, error) {
	n, err := v.Conn.Read(b)
	if v.received.Add(uint64(n)) == uint64(n) && n > 0 {
		if v.fault = notHTTP(b[0]); v.fault != "" {
			return 0, io.EOF // at once: net/http would wait for the end of a line
		}
	}
	if err != nil && v.sent.Load() == 0 && !errors.Is(err, os.ErrClosed) {
		v.gone.Store(true)
	}
	return n, err
}

func (v *visit) Write(b []byte) (int, error) {
	if v.fault == "" && !v.gone.Load() { // an answer of net/http's own
		line, _, _ := strings.Cut(string(b[:min(len(b), loggedStatus)]), "\r\n")
		v.fault = strings.TrimPrefix(line, "HTTP/1.1 ")
	}
	n, err := v.Conn.Write(b)
	v.sent.Add(uint64(n))
	return n, err
}

// notHTTP guesses from its first byte what a client speaks that does not speak HTTP.
func notHTTP(first byte) string {
	switch first {
	case 0x10:
		return "MQTT without WebSocket: it is served on listeners of protocol mqtt"
	case 0x16:
		return "a TLS ClientHello: this listener has no tls"
	}
	return ""
}

// CloseWrite ends our stream.
func (v *visit) CloseWrite() error {
	return v.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

// Close lets go of the connection.
func (v *visit) Close() error {
	var err error
	if v.session == nil || !v.upgraded.Load() { // TLS goes on after an upgrade
		err = v.Conn.Close()
	}
	v.leaves.Do(v.left)
	return err
}

// serve answers a request, or takes it for an upgrade.
func (f *front) serve(w http.ResponseWriter, r *http.Request) {
	v := r.Context().Value(visitKey{}).(*visit)
	if v.session != nil {
		state := v.session.Conn().ConnectionState()
		r.TLS = &state
	}
	route := f.route(r)
	switch {
	case v.excess.ofAddress():
		f.reject(w, v, tooMany(v.excess))
	case route != nil && route.WebSocket:
		f.upgrade(w, r, v, route)
	case f.listener.Protocol == WS:
		f.reject(w, v, &rejection{status: http.StatusNotFound, reason: fmt.Sprintf("path %.100q: MQTT is served at %s", r.URL.Path, f.listener.Routes[0].Path)})
	default:
		v.stays.Do(v.staying)
		if v.excess != outcomeNone {
			f.reject(w, v, &rejection{status: http.StatusServiceUnavailable, reason: "too many connections"})
			return
		}
		f.web.ServeHTTP(w, r)
	}
}

// route is the first that takes the request; nil: none.
func (f *front) route(r *http.Request) *Route {
	for i := range f.listener.Routes {
		route := &f.listener.Routes[i]
		path := web.MatchPath(route.Path, r.URL.Path)
		if route.WebSocket {
			path = r.URL.Path == route.Path // it is one resource
		}
		if path && web.MatchHost(route.Host, r.Host) {
			return route
		}
	}
	return nil
}

// reject answers a request that is not served, and ends the connection.
func (f *front) reject(w http.ResponseWriter, v *visit, why *rejection) {
	v.fault = fmt.Sprintf("%d: %s", why.status, why.reason)
	f.mu.Lock()
	f.rejected[why.status]++
	f.mu.Unlock()
	if why.header[0] != "" {
		w.Header().Set(why.header[0], why.header[1])
	}
	w.Header().Set("Connection", "close")
	// net/http would wait for the rest of the request.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(lingerTime))
	http.Error(w, why.reason, why.status)
}

// tooMany is the answer to an address that is over one of its limits.
func tooMany(o Outcome) *rejection {
	r := &rejection{status: http.StatusTooManyRequests, reason: "too many connections from this address"}
	if o == RefusedAddressRate {
		r.reason = "too many new connections from this address"
		r.header = [2]string{"Retry-After", "1"} // by then one more is on schedule
	}
	return r
}

// answers counts the requests that no node answered, by status.
func (f *front) answers() map[int]uint64 {
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
func (f *front) upgrade(w http.ResponseWriter, r *http.Request, v *visit, route *Route) {
	protocol, refused := checkUpgrade(r, f.listener.Hosts, route.Origins)
	if refused != nil {
		f.reject(w, v, refused)
		return
	}
	u := upgrader(protocol)
	u.Error = func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
		f.reject(w, v, &rejection{status: status, reason: reason.Error()})
	}
	v.fault = "frames came before the answer to the upgrade"
	c, err := u.Upgrade(w, r, nil)
	if err != nil {
		return // the connection is closed, or answered and will be
	}
	v.pool, v.entrance = route.Pool, newEntrance(route.Pool, r, protocol)
	v.upgraded.Store(true)
	_ = c.Close()
}
