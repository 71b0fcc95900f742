package proxy

import (
	"runtime"
	"sync"

	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
)

// engine carries the sessions of a server, in event loops.
type engine struct {
	loops     []*loop
	listeners []*listener

	mu    sync.Mutex // guards phase
	phase enginePhase
}

// enginePhase is how far an engine is.
type enginePhase uint8

const (
	engineMade    enginePhase = iota // nobody runs the loops yet
	engineRunning                    // they run, or have ended
	engineClosed                     // they never will
)

// cores is the number of loops: the cores that Go may use. Go itself gets as many
// processors again, since a loop keeps its own while it waits for a moment: a storm of
// TLS handshakes is to have all cores, and health probes, the log and the collector
// should not have to wait for one.
var cores = sync.OnceValue(func() int {
	n := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(2 * n)
	return n
})

// newEngine binds the listeners and makes a loop for each core.
func newEngine(srv *Server) (*engine, error) {
	n := cores()
	srv.maxConnections = srv.fitDescriptors(n)
	loops, err := srv.makeLoops(n)
	if err != nil {
		return nil, err
	}
	for _, ln := range srv.listeners {
		if ln.Protocol == snapshot.WS || ln.Protocol == snapshot.HTTP {
			ln.http = newHTTPServer(srv, ln)
		}
	}
	return &engine{loops: loops, listeners: srv.listeners}, nil
}

// makeLoops binds every listener and makes n loops that own the sockets.
func (srv *Server) makeLoops(n int) (loops []*loop, err error) {
	socks := make([][]int32, n) // by loop and listener
	defer func() {
		if err == nil {
			return
		}
		for _, l := range loops {
			l.Close()
		}
		for _, own := range socks {
			for _, fd := range own {
				reactor.Close(fd)
			}
		}
	}()
	for _, ln := range srv.listeners {
		fds, err := ln.listen(n)
		if err != nil {
			return nil, srv.errListen(ln.Listener, err)
		}
		for i, fd := range fds {
			socks[i] = append(socks[i], fd)
		}
	}
	for i := range n {
		l, err := newLoop(srv, socks[i])
		if err != nil {
			return loops, err
		}
		loops = append(loops, l)
	}
	return loops, nil
}

// run carries sessions. It returns once it has been told to stop and the last
// session has ended.
func (e *engine) run() {
	if !e.enter(engineRunning) {
		return
	}
	var running sync.WaitGroup
	for _, l := range e.loops {
		running.Go(l.Run)
	}
	running.Wait()
	e.closeListeners()
}

// close frees what an engine holds that was never run.
func (e *engine) close() {
	if !e.enter(engineClosed) {
		return
	}
	for _, l := range e.loops {
		l.CloseListeners()
		l.Close()
	}
	e.closeListeners()
}

// enter begins a phase, unless one has begun before.
func (e *engine) enter(p enginePhase) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.phase != engineMade {
		return false
	}
	e.phase = p
	return true
}

// closeListeners ends what listeners have beside their sockets.
func (e *engine) closeListeners() {
	for _, ln := range e.listeners {
		if ln.http != nil {
			ln.http.close()
		}
		ln.removePath()
	}
}

// stop ends accepting.
func (e *engine) stop() {
	var accepted sync.WaitGroup
	for _, l := range e.loops {
		accepted.Add(1)
		if !l.Do(func() { l.stop(); accepted.Done() }) {
			accepted.Done()
		}
	}
	accepted.Wait() // the fronts serve what the loops have taken
	for _, ln := range e.listeners {
		if ln.http != nil {
			ln.http.drain()
		}
	}
}

// leaveShare has one part in so many of the sessions that are left leave.
func (e *engine) leaveShare(parts int) {
	for _, l := range e.loops {
		l.Do(func() { l.leaveShare(parts) })
	}
}

// endAll ends every session.
func (e *engine) endAll() {
	for _, l := range e.loops {
		l.Do(l.endAll)
	}
}

// count adds what the loops have counted.
func (e *engine) count(stats *Stats) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range e.loops {
		if e.phase == engineMade { // no loop would read its mail
			stats.add(&l.counters)
			continue
		}
		counted := make(chan struct{})
		count := func() {
			stats.add(&l.counters)
			close(counted)
		}
		if !l.Do(count) {
			count()
		}
		<-counted
	}
}
