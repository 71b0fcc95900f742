package proxy

import (
	"sync/atomic"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
)

// nodeName identifies a node.
type nodeName struct{ pool, node string }

// drain is the state of a removed node whose sessions are leaving.
type drain struct {
	cancelled chan struct{}
	perSecond atomic.Int64
}

// nodeNames returns the names of the generation's nodes.
func (g *generation) nodeNames() map[nodeName]bool {
	names := map[nodeName]bool{}
	for _, p := range g.sessionPools {
		for _, n := range p.Nodes() {
			names[nodeName{p.Name, n.Name}] = true
		}
	}
	return names
}

// continueDrains cancels the drains of nodes that are back in the generation, and sets the pace of the
// others. It is called before a client can reach such a node. present are the nodes of g.
func (srv *Server) continueDrains(g *generation, present map[nodeName]bool) {
	for name, d := range srv.drains {
		if p := g.sessionPools[name.pool]; p != nil {
			d.perSecond.Store(int64(p.RemovedNodesRate))
		}
		if present[name] || d.perSecond.Load() == 0 {
			close(d.cancelled)
			delete(srv.drains, name)
		}
	}
}

// drainRemoved begins to drain the nodes that the generation no longer has, if their pool wants that.
// Sessions that are still being connected to such a node leave once they have reached it. present
// are the nodes of g.
func (srv *Server) drainRemoved(before, g *generation, present map[nodeName]bool) {
	if before == nil {
		return
	}
	for _, p := range before.sessionPools {
		perSecond := p.RemovedNodesRate
		if after := g.sessionPools[p.Name]; after != nil {
			perSecond = after.RemovedNodesRate
		}
		for _, n := range p.Nodes() {
			if name := (nodeName{p.Name, n.Name}); !present[name] && perSecond > 0 {
				d := &drain{cancelled: make(chan struct{})}
				d.perSecond.Store(int64(perSecond))
				srv.drains[name] = d
				if open := n.Open(); open > 0 {
					srv.log.Info("the sessions of a removed node leave", "pool", p.Name, "node", n.Name, "sessions", open, "drain_rate", perSecond)
				}
				srv.working.Go(func() { // ends when the drain is over, or at the stop
					srv.drain(d, name, n)
					srv.drained(d, name)
				})
			}
		}
	}
}

// drained forgets a drain that is over.
func (srv *Server) drained(d *drain, name nodeName) {
	srv.applying.Lock()
	defer srv.applying.Unlock()
	if srv.drains[name] == d {
		delete(srv.drains, name)
	}
}

// drain has the sessions of a node leave at the drain's pace. It returns when the node has no session
// and can get none, the drain is cancelled, or the server stops.
func (srv *Server) drain(d *drain, name nodeName, n *balancer.Node) {
	ticks := time.NewTicker(drainInterval)
	defer ticks.Stop()
	due, first := 0.0, 0
	for n.Open() > 0 || srv.engine.opensUnderEarlier() {
		select {
		case <-ticks.C:
		case <-d.cancelled:
			return
		case <-srv.stopping:
			return
		}
		// Sessions missed in one tick are added to the next, up to those of one second.
		perSecond := float64(d.perSecond.Load())
		due = min(due+perSecond*drainInterval.Seconds(), perSecond)
		for range looksPerTick * len(srv.engine.loops) {
			if due < 1 {
				break
			}
			first++
			due -= float64(srv.engine.leaveNode(first%len(srv.engine.loops), d, name, int(due)))
		}
	}
}

// opensUnderEarlier reports whether any loop has an opening accepted under an earlier generation. Such
// a client may still reach a removed node.
func (e *engine) opensUnderEarlier() (some bool) {
	for _, l := range e.loops {
		if ask(l, l.opensUnderEarlier) {
			return true
		}
	}
	return false
}

// leaveNode has up to most sessions of a node leave on one loop, and returns their number.
func (e *engine) leaveNode(loop int, d *drain, name nodeName, most int) (leaving int) {
	l := e.loops[loop]
	return ask(l, func() int { return l.leaveNode(d, name, most) })
}

// ask has a running loop call f and returns the result; the zero value if the loop has stopped.
func ask[T any](l *loop, f func() T) (answer T) {
	answered := make(chan T, 1)
	if l.Do(func() { answered <- f() }) {
		answer = <-answered
	}
	return answer
}

// leaveNode looks at slotsPerLook slots and has up to most sessions of the node leave, unless the drain
// has been cancelled.
func (l *loop) leaveNode(d *drain, name nodeName, most int) (leaving int) {
	select {
	case <-d.cancelled:
		return 0
	default:
	}
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
