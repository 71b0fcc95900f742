package proxy

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/snapshot"
)

// Server accepts clients on the listeners of a snapshot and carries their
// sessions.
type Server struct {
	snapshot  *snapshot.Snapshot
	log       *slog.Logger
	listeners []*listener
	engine    *engine
	journal   *journal
	rate      *rateLimit
	addresses *addresses // nil: they have no limits
	epoch     time.Time
	waits     waits

	openingMemory *openingMemory

	maxConnections int64
	taken, refused atomic.Int64 // connections by their place
}

// listener is a Listener at run time.
type listener struct {
	*snapshot.Listener
	index int
	taken atomic.Int64 // connections by their place
	bound net.Addr
	path  fs.FileInfo      // the socket's file, on a path
	pools []*snapshot.Pool // of its sessions; not those that speak HTTP
	http  *httpServer      // of WS and HTTP listeners
}

func newListener(index int, ln *snapshot.Listener) *listener {
	l := &listener{Listener: ln, index: index}
	if ln.Protocol == snapshot.MQTT || ln.Protocol == snapshot.TCP || ln.Protocol == snapshot.Passthrough {
		l.pools = []*snapshot.Pool{ln.Pool}
	}
	for i := range ln.Routes {
		if r := &ln.Routes[i]; (r.WebSocket || ln.Protocol == snapshot.Passthrough) && !slices.Contains(l.pools, r.Pool) {
			l.pools = append(l.pools, r.Pool)
		}
	}
	return l
}

// lane is the place of a node among the flows of the listener.
func (ln *listener) lane(p *snapshot.Pool, n *balancer.Node) int {
	at := n.Index
	for _, before := range ln.pools {
		if before == p {
			break
		}
		at += len(before.Nodes())
	}
	return at
}

// limit is the most connections that the listener takes.
func (ln *listener) limit() int64 {
	if ln.MaxConnections > 0 {
		return int64(ln.MaxConnections)
	}
	return math.MaxInt64
}

// New binds the listeners; clients wait in the kernel's queue until Run. One loop
// is made for each core that Go may use (GOMAXPROCS). A server that will not be run is to be closed.
func New(snap *snapshot.Snapshot, log *slog.Logger) (*Server, error) {
	srv := &Server{
		snapshot:  snap,
		log:       log,
		journal:   newJournal(log),
		rate:      newRateLimit(snap.ConnectRate),
		addresses: newAddresses(snap.MaxConnectionsPerAddress, snap.ConnectRatePerAddress),
		epoch:     time.Now(),
		waits:     usualWaits,

		openingMemory: newOpeningMemory(snap.OpeningMemory),
	}
	for i, ln := range snap.Listeners {
		srv.listeners = append(srv.listeners, newListener(i, ln))
	}
	var err error
	if srv.engine, err = newEngine(srv); err != nil {
		return nil, err
	}
	return srv, nil
}

// Addr is the address that the named listener is bound to, nil if there is no
// such listener.
func (srv *Server) Addr(name string) net.Addr {
	for _, ln := range srv.listeners {
		if ln.Name == name {
			return ln.bound
		}
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
	srv.engine.stop()
	srv.log.Info("stopping", "sessions", srv.open(), "shutdown", srv.snapshot.Timeouts.Shutdown)
	srv.endSessions(ended)
	srv.journal.close()
}

// endSessions gives the sessions two thirds of timeouts.shutdown to end by themselves, has those that are left leave one
// after the other in the last third, so that their clients do not all come back together, and ends at the end of it those
// that have not closed since. It returns when the last session has ended.
func (srv *Server) endSessions(ended <-chan struct{}) {
	third := srv.snapshot.Timeouts.Shutdown / 3
	pace := third - min(third/4, srv.waits.linger) // the last to leave has time to hear its goodbye
	parts := max(int(pace/leaveInterval), 1)
	next := time.NewTimer(srv.snapshot.Timeouts.Shutdown - third)
	defer next.Stop()
	for left := parts; ; left-- {
		select {
		case <-ended:
			return
		case <-next.C:
		}
		if left == parts {
			srv.log.Warn("ending the sessions that are left", "sessions", srv.open(), "shutdown", srv.snapshot.Timeouts.Shutdown)
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
func (srv *Server) Close() { srv.engine.close() }

// Stats is what the server has counted so far. It may be called from any
// goroutine at any time.
func (srv *Server) Stats() Stats {
	stats := Stats{MaxConnections: srv.maxConnections, LinesDropped: srv.journal.dropped.Load()}
	srv.engine.count(&stats)
	for i, ln := range srv.listeners {
		if ln.http != nil {
			stats.Listeners[i].Answers = ln.http.answers()
		}
		if ln.TLS != nil {
			stats.Listeners[i].Handshakes = ln.TLS.Gate.Counts()
			stats.Listeners[i].Certificates = ln.TLS.Terminator.Status()
		}
	}
	return stats
}

func (srv *Server) errListen(ln *snapshot.Listener, err error) error {
	return fmt.Errorf("listener %q: listen on address %q: %w", ln.Name, ln.Address, err)
}
