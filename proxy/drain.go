package proxy

import (
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// nodeName is what a node is found by.
type nodeName struct{ pool, node string }

// drainRemoved has the sessions of nodes leave that a generation does not have any more, where their pool wants it, and
// ends the drains of nodes that it has again. Sessions that are still on their way to such a node follow.
func (srv *Server) drainRemoved(before, g *generation) {
	pools, present := g.sessionPools(), map[nodeName]bool{}
	for _, p := range pools {
		for _, n := range p.Nodes() {
			present[nodeName{p.Name, n.Name}] = true
		}
	}
	for name, cancel := range srv.drains {
		if present[name] {
			close(cancel)
			delete(srv.drains, name)
		}
	}
	if before == nil {
		return
	}
	for _, p := range before.sessionPools() {
		perSecond := p.RemovedNodesRate
		if after := pools[p.Name]; after != nil {
			perSecond = after.RemovedNodesRate
		}
		for _, n := range p.Nodes() {
			if name := (nodeName{p.Name, n.Name}); !present[name] && perSecond > 0 {
				cancel := make(chan struct{})
				srv.drains[name] = cancel
				srv.working.Go(func() { srv.drain(name, n, perSecond, cancel) })
			}
		}
	}
}

// sessionPools are the pools that sessions are on, by name.
func (g *generation) sessionPools() map[string]*snapshot.Pool {
	pools := map[string]*snapshot.Pool{}
	for _, p := range g.UnusedPools {
		pools[p.Name] = p
	}
	for _, ln := range g.Listeners {
		for _, p := range ln.SessionPools() {
			pools[p.Name] = p
		}
	}
	return pools
}

// drain has the sessions of a node leave, so many a second, until the node has none, the drain is cancelled or the server
// stops.
func (srv *Server) drain(name nodeName, n *balancer.Node, perSecond int, cancelled <-chan struct{}) {
	ticks := time.NewTicker(drainInterval)
	defer ticks.Stop()
	due, first := 0.0, 0
	for n.Open() > 0 {
		select {
		case <-ticks.C:
		case <-cancelled:
			return
		case <-srv.stopping:
			return
		}
		// A tick in which too few were found is made up for, but not more than a second.
		due = min(due+float64(perSecond)*drainInterval.Seconds(), float64(perSecond))
		for range looksPerTick * len(srv.engine.loops) {
			if due < 1 {
				break
			}
			first++
			due -= float64(srv.engine.leaveNode(first%len(srv.engine.loops), name, int(due)))
		}
	}
}

// leaveNode has at most so many sessions of a node leave on one loop, and returns how many do.
func (e *engine) leaveNode(loop int, name nodeName, most int) (leaving int) {
	l, done := e.loops[loop], make(chan int, 1)
	if !l.Do(func() { done <- l.leaveNode(name, most) }) {
		return 0
	}
	return <-done
}

// leaveNode looks at some of the loop's sessions, and has those leave that are on a node, most at most.
func (l *loop) leaveNode(name nodeName, most int) (leaving int) {
	for range min(l.sessions.Cap(), slotsPerLook) {
		s := l.sessions.At(l.leaving % uint32(l.sessions.Cap()))
		l.leaving++
		if s.listener == nil || s.flow == nil || s.step >= stepLeave || s.flow.Node != name.node || s.flow.Pool != name.pool {
			continue
		}
		l.resume(s, l.leave(s, outcome.Drained))
		if leaving++; leaving == most {
			break
		}
	}
	return leaving
}
