// Package admin is mqttlb's own HTTP server: health and readiness, metrics, the API of package api, and
// the profiles of the process. One Server serves any number of listeners.
//
//	server := admin.New(admin.Sources{Server: srv, Pools: pools, Control: control}, log)
//	server.SetAccess(&admin.Access{Token: token})
//	err := server.Serve(ctx, socket, admin.BySocket)
//	err := server.Serve(ctx, listener, admin.ByAddress)
//
// Requests over the socket may do everything: its file decides who may connect. Over an address the
// package decides who may see and change what (see [Access]). The package makes no change itself: it asks
// its Control. It shows no secrets.
package admin

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mqttlb/balancer/health"
	"mqttlb/balancer/nodeset"
	"mqttlb/proxy"
	"mqttlb/proxy/admin/api"
	"mqttlb/proxy/rate"
	"mqttlb/proxy/snapshot"
)

// Sources are the sources of what the server shows, and what it controls.
type Sources struct {
	Server *proxy.Server
	Pools  func() []*snapshot.Pool // in force

	// NotReady returns why mqttlb should get no new clients; none: it is ready. A nil func means
	// always ready.
	NotReady func() []string

	// Control answers the API. Nil: there is no API.
	Control Control

	// Events are the source of GET /api/v1/events. Valid only with a Control.
	Events *Events

	// LinesDropped returns the number of log lines that the log has dropped. Nil: none.
	LinesDropped func() Lines

	// Reloads returns the state of reloads. Nil: the configuration is not reloaded.
	Reloads func() Reloads

	// Health returns what the health checks have found, by pool. Nil: there are none.
	Health func() map[string][]health.Status

	// Discovery returns the state of the sources of nodes. Nil: there are none.
	Discovery func() []nodeset.Status

	// Names returns how the host names of nodes resolve. Nil: there are none.
	Names func() Names

	// Nodes returns the nodes with what an operator has set, and with the drains in progress. Nil:
	// nobody sets anything.
	Nodes func() []api.Node

	Version string // of the build
}

// Server answers the requests of operators and their programs.
type Server struct {
	from     Sources
	log      *slog.Logger
	registry *prometheus.Registry
	routes   http.Handler
	access   atomic.Pointer[Access]
	wrong    attempts
	wrongLog rate.Line

	metrics, profile, kick slots // of all entries together
}

// New makes a server that nobody may change anything over, except by socket, until SetAccess is called.
func New(from Sources, log *slog.Logger) *Server {
	s := &Server{
		from: from, log: log, registry: newRegistry(&collector{from}),
		metrics: newSlots(1), profile: newSlots(1), kick: newSlots(1),
		wrongLog: rate.Line{Every: sampleTime},
	}
	s.access.Store(&Access{})
	s.routes = s.newMux()
	return s
}

// SetAccess replaces what is allowed. Requests that have begun are not judged again.
func (s *Server) SetAccess(a *Access) { s.access.Store(a) }

// Serve serves requests on ln until ctx is done, and closes ln. Streams then end at once, and other
// requests have endTime to end. It may be called for several listeners.
func (s *Server) Serve(ctx context.Context, ln net.Listener, way Way) error {
	e := newEntry(s, ctx.Done(), ln, way)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	server := &http.Server{
		Handler:           http.HandlerFunc(e.serveHTTP),
		ReadTimeout:       requestTime,
		ReadHeaderTimeout: requestTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		Protocols:         protocols,
		ConnContext:       withConnection,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // clients can cause these lines
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
		defer cancel()
		if server.Shutdown(last) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(e.listener())
	if stop() { // ctx is not done, so ln has failed
		_ = server.Close()
		return err
	}
	<-ended
	return nil
}

// entry is one listener of a server, with the limits of its requests.
type entry struct {
	*Server
	way                     way
	conns                   *connections
	reads, changes, streams slots
	ending                  <-chan struct{} // closed when the listener should end
}

func newEntry(s *Server, ending <-chan struct{}, ln net.Listener, by Way) *entry {
	socket, limit := overSocketAndAddress(proxy.AdminConnections())
	if by == BySocket {
		limit = socket
	}
	reads, changes, streams := inProgress(limit)
	return &entry{
		Server: s, way: wayOf(by, ln.Addr()), ending: ending, conns: newConnections(ln, limit, s.log),
		reads: newSlots(reads), changes: newSlots(changes), streams: newSlots(streams),
	}
}

// serveHTTP answers a request.
func (e *entry) serveHTTP(w http.ResponseWriter, r *http.Request) {
	c := connectionOf(r)
	defer c.enter(silent)
	secure(w.Header())
	if err := e.checkHost(r); err != nil {
		fail(w, err)
		return
	}
	r = r.WithContext(context.WithValue(r.Context(), entryKey{}, e))
	e.routes.ServeHTTP(w, r)
}

type entryKey struct{}

func entryOf(r *http.Request) *entry { return r.Context().Value(entryKey{}).(*entry) }

// secure has a browser neither keep an answer, nor run it, nor show it to a page of another site.
func secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// waitTime returns a timer's channel and its stop.
func waitTime(d time.Duration) (<-chan time.Time, func() bool) {
	t := time.NewTimer(d)
	return t.C, t.Stop
}
