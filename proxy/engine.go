package proxy

import (
	"runtime"
	"sync"
)

// engine runs the event loops of a server.
type engine struct {
	server *Server
	loops  []*loop

	mu    sync.Mutex // guards phase
	phase enginePhase
}

// enginePhase is the phase of an engine's life.
type enginePhase uint8

const (
	engineMade    enginePhase = iota // the loops are not run yet
	engineRunning                    // the loops run, or have ended
	engineClosed                     // the loops will never run
)

// cores is the number of loops: the cores that Go may use. It doubles GOMAXPROCS, since a loop keeps
// its processor while it waits for events for a moment. A storm of TLS handshakes can then use all
// cores, and health probes, the log and the collector need not wait for a loop.
var cores = sync.OnceValue(func() int {
	n := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(2 * n)
	return n
})

// newEngine makes a loop without listeners for each core.
func newEngine(srv *Server) (*engine, error) {
	e := &engine{server: srv}
	for range cores() {
		l, err := newLoop(srv)
		if err != nil {
			e.close()
			return nil, err
		}
		l.number = len(e.loops)
		e.loops = append(e.loops, l)
	}
	return e, nil
}

// run runs the loops until they were told to stop and the last session has ended.
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

// close frees an engine that was never run, and reports whether it did. It does nothing to an engine
// that was run or closed before.
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

// begin sets the phase if the engine is still in the first one.
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
	e.server.http.stop() // net/http still serves the connections that the loops have accepted
}

// eachLoop has every loop call f, and waits for all of them. Before the loops run, it calls f itself.
func (e *engine) eachLoop(f func(*loop)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var called sync.WaitGroup
	for _, l := range e.loops {
		called.Add(1)
		inLoop := func() { f(l); called.Done() }
		if e.phase == engineMade || !l.Do(inLoop) {
			inLoop() // no loop reads its mail
		}
	}
	called.Wait()
}

// leaveShare has one of the given number of parts of the remaining sessions leave.
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

// addTo adds the counters of the loops to stats.
func (e *engine) addTo(stats *Stats) {
	stats.Loops = make([]LoopStats, len(e.loops))
	var mu sync.Mutex
	e.eachLoop(func(l *loop) {
		mu.Lock()
		defer mu.Unlock()
		stats.add(&l.counters)
		stats.KeptBytes += l.keptBytes
		stats.Loops[l.number] = l.times.stats()
	})
}
