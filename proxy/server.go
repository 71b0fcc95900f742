package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"mqttlb/proxy/rate"
	"mqttlb/proxy/snapshot"
)

// Server accepts clients on the listeners of a snapshot and carries their
// sessions. Apply has it go by another snapshot.
type Server struct {
	log       *slog.Logger
	engine    *engine
	journal   *journal
	rate      *rate.Limiter
	addresses *addresses
	http      *httpServer
	epoch     time.Time
	waits     waits

	openingMemory *openingMemory

	current  atomic.Pointer[generation]
	applying sync.Mutex // held by Apply and by the stop; guards ports and drains
	ports    map[portKey]*port
	running  chan struct{} // closed when the loops run
	stopping chan struct{} // closed by the stop
	drains   map[nodeName]*drain
	working  sync.WaitGroup // of giving up ports, and of drains

	admitted, refused atomic.Int64 // connections by their place
}

// New binds the listeners; clients wait in the kernel's queue until Run. One loop
// is made for each core that Go may use (GOMAXPROCS). A server that will not be run is to be closed.
func New(snap *snapshot.Snapshot, log *slog.Logger) (*Server, error) {
	srv := &Server{
		log:       log,
		journal:   newJournal(log),
		rate:      rate.NewLimiter(0),
		addresses: newAddresses(),
		epoch:     time.Now(),
		waits:     usualWaits,
		ports:     map[portKey]*port{},
		drains:    map[nodeName]*drain{},
		running:   make(chan struct{}),
		stopping:  make(chan struct{}),

		openingMemory: newOpeningMemory(),
	}
	srv.http = newHTTPServer(srv)
	var err error
	if srv.engine, err = newEngine(srv); err != nil {
		return nil, err
	}
	if err := srv.Apply(snap); err != nil {
		srv.engine.close()
		return nil, err
	}
	return srv, nil
}

// Addr is the address that the named listener is bound to, nil if there is no
// such listener.
func (srv *Server) Addr(name string) net.Addr {
	if p := srv.current.Load().port(name); p != nil {
		return p.bound
	}
	return nil
}

// Run carries sessions until ctx is done, then stops accepting and gives the
// sessions timeouts.shutdown to end: by themselves, and in its last third with a
// goodbye. When it returns, nothing of the server is left. It may be called once.
func (srv *Server) Run(ctx context.Context) {
	go srv.journal.run() // ends at close
	ended := make(chan struct{})
	go func() { // ends when the engine was told to stop and its last session has ended
		defer close(ended)
		srv.engine.run()
	}()

	<-ctx.Done()
	srv.applying.Lock()
	close(srv.stopping) // nothing is applied from here on
	srv.applying.Unlock()
	srv.engine.stop()
	shutdown := srv.current.Load().Timeouts.Shutdown
	srv.log.Info("stopping", "sessions", srv.open(), "shutdown", shutdown)
	srv.endSessions(ended, shutdown)
	srv.working.Wait()
	srv.journal.close()
}

// endSessions gives the sessions two thirds of timeouts.shutdown to end by themselves, has those that are left leave one
// after the other in the last third, so that their clients do not all come back together, and ends at the end of it those
// that have not closed since. It returns when the last session has ended.
func (srv *Server) endSessions(ended <-chan struct{}, shutdown time.Duration) {
	third := shutdown / 3
	pace := third - min(third/4, srv.waits.linger) // the last to leave has time to hear its goodbye
	parts := max(int(pace/leaveInterval), 1)
	next := time.NewTimer(shutdown - third)
	defer next.Stop()
	for left := parts; ; left-- {
		select {
		case <-ended:
			return
		case <-next.C:
		}
		if left == parts {
			srv.log.Warn("ending the sessions that are left", "sessions", srv.open(), "shutdown", shutdown)
		}
		if left == 0 || third == 0 {
			break
		}
		srv.engine.leaveShare(left)
		next.Reset(pick(left > 1, pace/time.Duration(parts), third-pace))
	}
	srv.engine.endAll()
	<-ended
}

// Close frees what a server holds that was not run; clients in the kernel's queue are reset. It does nothing to one that
// was, which frees everything itself, and may be called twice.
func (srv *Server) Close() {
	srv.applying.Lock()
	closed := srv.engine.close()
	if closed {
		close(srv.stopping)
	}
	srv.applying.Unlock()
	if closed {
		srv.working.Wait()
	}
}

// Stats is what the server has counted so far. It may be called from any
// goroutine at any time.
func (srv *Server) Stats() Stats {
	g := srv.current.Load()
	stats := Stats{MaxConnections: g.maxConnections, LinesDropped: srv.journal.dropped.Load()}
	srv.engine.addTo(&stats)
	stats.order(g)
	for _, ln := range g.Listeners {
		counts := stats.Listener(ln.Name)
		if counts == nil {
			continue // applied a moment ago, and not by every loop yet
		}
		if ln.ServesHTTP() {
			counts.Answers = srv.http.handler(ln.Name).answers.ByStatus()
		}
		if ln.TLS != nil {
			counts.TLS = true
			counts.Handshakes = ln.TLS.Gate.Counts()
			counts.Certificates = ln.TLS.Terminator.Status()
		}
	}
	return stats
}

func errListen(ln *snapshot.Listener, err error) error {
	return fmt.Errorf("listener %q: listen on address %q: %w", ln.Name, ln.Address, err)
}
