package proxy

import (
	"runtime"
	"sync"
)

// engine carries the sessions of a server, in event loops.
type engine struct {
	server *Server
	loops  []*loop

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

// newEngine makes a loop for each core, without a listener yet.
func newEngine(srv *Server) (*engine, error) {
	e := &engine{server: srv}
	for range cores() {
		l, err := newLoop(srv)
		if err != nil {
			e.close()
			return nil, err
		}
		e.loops = append(e.loops, l)
	}
	return e, nil
}

// run carries sessions. It returns once it has been told to stop and the last
// session has ended.
func (e *engine) run() {
	if !e.begin(engineRunning) {
		return
	}
	close(e.server.running)
	var running sync.WaitGroup
	for _, l := range e.loops {
		running.Go(l.Run)
	}
	running.Wait()
	e.server.closePorts()
}

// close frees what an engine holds that was never run, and reports whether it did: not for one that runs or has run, nor
// twice.
func (e *engine) close() bool {
	if !e.begin(engineClosed) {
		return false
	}
	for _, l := range e.loops {
		l.CloseListeners()
		l.Close()
	}
	e.server.closePorts()
	return true
}

// begin begins a phase, unless one has begun before.
func (e *engine) begin(p enginePhase) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.phase != engineMade {
		return false
	}
	e.phase = p
	return true
}

// stop ends accepting.
func (e *engine) stop() {
	e.eachLoop((*loop).stop)
	e.server.http.stop() // it serves what the loops have taken
}

// eachLoop has every loop call f, and waits until all have. Before the loops run, it calls f itself.
func (e *engine) eachLoop(f func(*loop)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var called sync.WaitGroup
	for _, l := range e.loops {
		called.Add(1)
		inLoop := func() { f(l); called.Done() }
		if e.phase == engineMade || !l.Do(inLoop) {
			inLoop() // no loop would read its mail
		}
	}
	called.Wait()
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

// addTo adds what the loops have counted.
func (e *engine) addTo(stats *Stats) {
	var mu sync.Mutex
	e.eachLoop(func(l *loop) {
		mu.Lock()
		defer mu.Unlock()
		stats.add(&l.counters)
	})
}
