package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/rate"
	"mqttlb/proxy/snapshot"
)

// Server accepts clients on the listeners of a snapshot and carries their sessions. Apply replaces the
// snapshot.
type Server struct {
	log       *slog.Logger
	engine    *engine
	journal   *journal
	rate      *rate.Limiter
	addresses *addresses
	http      *httpServer
	epoch     time.Time
	waits     waits
	inherited *Inherited

	openingMemory *openingMemory
	host          hostAddresses
	loopGuard     *loopGuard
	owners        *owners
	bans          *bans
	banLines      *rate.Limiter // of the log, and events
	banWithheld   rate.Line
	banReports    func(BanReport) // nil: none
	conduct       *conduct
	clientIDs     *clientIDs

	current  atomic.Pointer[generation]
	applying sync.Mutex // held by Apply and by the stop; guards ports
	ports    map[portKey]*port
	running  chan struct{} // closed when the loops run
	stopping chan struct{} // closed by the stop
	drains   *drains
	revoked  revoked
	working  sync.WaitGroup // goroutines of releasePort, runDrains, runRevoked and runJudge

	laterInUse map[string]balancer.Precedence // by pool; see reportTiers

	checking sync.Mutex // held by Check

	admitted, refused atomic.Int64 // connections by their place
	web               atomic.Int64 // connections with HTTP requests
	acceptFailures    rate.Line
	gaveWay           atomic.Uint64 // openings that were ended for new connections
}

// New binds the listeners. Clients wait in the kernel's queue until Run. There is one loop for each
// core that Go may use (GOMAXPROCS). A server that is never run must be closed.
func New(snap *snapshot.Snapshot, log *slog.Logger) (*Server, error) {
	return NewInheriting(snap, nil, log)
}

// NewInheriting is New for a process that has inherited listening sockets.
func NewInheriting(snap *snapshot.Snapshot, inherited *Inherited, log *slog.Logger) (*Server, error) {
	srv := &Server{
		log:       log,
		journal:   newJournal(log),
		rate:      rate.NewLimiter(0),
		addresses: newAddresses(),
		epoch:     time.Now(),
		waits:     usualWaits,
		inherited: inherited,
		ports:     map[portKey]*port{},
		drains:    newDrains(),
		revoked:   newRevoked(),
		running:   make(chan struct{}),
		stopping:  make(chan struct{}),

		openingMemory: newOpeningMemory(),
		loopGuard:     newLoopGuard(),
		owners:        newOwners(),
		bans:          newBans(),
		banLines:      rate.NewLimiter(banLinesPerSecond),
		banWithheld:   rate.Line{Every: bansWithheldInterval},
		conduct:       newConduct(),
		clientIDs:     newClientIDs(),

		acceptFailures: rate.Line{Every: sampleInterval},
	}
	srv.http = newHTTPServer(srv)
	srv.host.read()
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

// Addr returns the address that the named listener is bound to, or nil if there is no such listener.
func (srv *Server) Addr(name string) net.Addr {
	if p := srv.current.Load().port(name); p != nil {
		return p.bound
	}
	return nil
}

// Run carries sessions until ctx is done. Then it stops accepting and gives the sessions
// timeouts.shutdown to end: by themselves at first, and with a goodbye in the last third. When it
// returns, nothing of the server is left. It may be called once.
func (srv *Server) Run(ctx context.Context) {
	go srv.journal.run()           // ends at journal.close
	srv.working.Go(srv.runDrains)  // ends at the stop
	srv.working.Go(srv.runRevoked) // ends at the stop
	srv.working.Go(srv.runJudge)   // ends at the stop
	ended := make(chan struct{})
	var measuring sync.WaitGroup
	measuring.Go(func() { srv.engine.measureLag(ended) })
	go func() { // ends when the engine was told to stop and its last session has ended
		defer close(ended)
		srv.engine.run()
	}()

	<-ctx.Done()
	srv.applying.Lock()
	close(srv.stopping) // Apply fails from here on
	srv.removePaths()
	srv.applying.Unlock()
	srv.engine.stop()
	shutdown := srv.current.Load().Timeouts.Shutdown
	srv.log.Info("stopping", "sessions", srv.open(), "shutdown", shutdown)
	srv.endSessions(ended, shutdown)
	measuring.Wait()
	srv.working.Wait()
	srv.journal.close()
}

// endSessions gives the sessions two thirds of timeouts.shutdown to end by themselves. In the last
// third it has the rest leave one after the other, so that their clients do not all reconnect at once.
// At its end it ends the sessions that remain. It returns when the last session has ended.
func (srv *Server) endSessions(ended <-chan struct{}, shutdown time.Duration) {
	third := shutdown / 3
	pace := third - min(third/4, srv.waits.linger) // the last sessions need time to linger
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

// Close frees a server that was never run and resets the clients in the kernel's queue. It does
// nothing to a server that was run, since Run frees everything. It may be called twice.
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

// Stats returns the counters since the start. It may be called from any goroutine at any time.
func (srv *Server) Stats() Stats {
	g := srv.current.Load()
	stats := Stats{
		MaxConnections: g.maxConnections, OpeningMemory: srv.openingMemory.size(),
		LinesDropped: srv.journal.dropped.lines(), LinesLeftOut: srv.journal.sampler.counts.lines(),
	}
	stats.WebConnections, stats.WebConnectionsMax, stats.GaveWay = srv.web.Load(), g.webPlaces, srv.gaveWay.Load()
	srv.engine.addTo(&stats)
	stats.OpeningMemoryLimit = g.OpeningMemory
	stats.Rebalances, stats.Bans = srv.Rebalances(), srv.banStats()
	stats.Rules = srv.Rules()
	stats.order(g)
	for _, ln := range g.Listeners {
		counts := stats.Listener(ln.Name)
		if counts == nil {
			continue // not every loop has applied the generation yet
		}
		counts.Protocol, counts.Tolerant = ln.Protocol, ln.Tolerant
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
	if errors.Is(err, syscall.EACCES) && ln.Network != "unix" {
		err = fmt.Errorf("%w: a port below 1024 needs root, the capability CAP_NET_BIND_SERVICE, or a socket of systemd", err)
	}
	return fmt.Errorf("listener %q: listen on address %q: %w", ln.Name, ln.Address, err)
}
