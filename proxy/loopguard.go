package proxy

import (
	"hash/maphash"
	"log/slog"
	"sync/atomic"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/rate"
)

// A node may lead back to this process in ways that no address shows: through DNAT, or through another
// balancer. Then a CONNECT comes back again and again, each time as a new session that waits for its
// CONNACK. A client has one or two such sessions at a time. The session that is one too many is refused, and
// the sessions before it pass the refusal on, one after the other, to the first one, which tries other nodes.

const (
	// mostWaiting is how many sessions of one client identifier may wait for their CONNACK at a time. Devices
	// that share an identifier by mistake, and come at once, are hardly ever so many.
	mostWaiting = 64

	// guardSlots is the number of counters. Identifiers share them by hash: of 200,000 sessions that wait
	// for their CONNACK at once, 3 have the same counter, and practically never 64.
	guardSlots = 1 << 16

	// inLoop is the bit of a counter whose identifier had one session too many. The last session clears it.
	inLoop = 1 << 30

	loopLineInterval = time.Minute // between two lines of the log
)

// loopGuard counts the sessions that wait for their CONNACK, by client identifier.
type loopGuard struct {
	seed  maphash.Seed
	slots [guardSlots]atomic.Int32
	line  rate.Line
}

func newLoopGuard() *loopGuard {
	return &loopGuard{seed: maphash.MakeSeed(), line: rate.Line{Every: loopLineInterval}}
}

// enter counts a session, and returns its counter. ok is false if the session is one too many of its
// identifier; then it is not counted.
func (g *loopGuard) enter(id string) (waiting *atomic.Int32, ok bool) {
	waiting = &g.slots[maphash.String(g.seed, id)%guardSlots]
	if waiting.Add(1)&^inLoop > mostWaiting {
		waiting.Or(inLoop)
		uncountWaiting(waiting)
		return nil, false
	}
	return waiting, true
}

// uncountWaiting uncounts a session. It reports whether its identifier is in a loop and others of its sessions
// still wait.
func uncountWaiting(waiting *atomic.Int32) (others bool) {
	if n := waiting.Add(-1); n&inLoop != 0 {
		return n != inLoop || !waiting.CompareAndSwap(inLoop, 0)
	}
	return false
}

// isInLoop counts a session on its way to a node, and reports whether it is one too many.
func (l *loop) isInLoop(s *session) bool {
	id := s.clientID()
	if id == "" {
		return false // nothing tells clients without an identifier apart
	}
	waiting, ok := l.server.loopGuard.enter(id)
	s.pending.waiting = waiting
	return !ok
}

// refuseLoop refuses a session that is one too many, and logs one of them a minute.
func (l *loop) refuseLoop(s *session) step {
	o := s.pending
	o.fault = "the client identifier waits for its CONNACK too often: a node leads back to this process, or many clients share it"
	if _, ok := l.server.loopGuard.line.Take(time.Now()); ok {
		node := ""
		candidates := o.pool.Candidates(balancer.Client{Key: o.key, Keyed: o.keyed, Persistent: s.persistent})
		if n := candidates.Next(); n != nil {
			node = n.Name
		}
		l.server.log.Warn("a client comes back again and again before it has its CONNACK: its node leads back to this process, or many clients share its identifier",
			slog.String("listener", s.listener.Name), slog.String("pool", o.pool.Name), slog.String("node", node),
			slog.String("client", s.source.addrPort().String()), slog.String("client_id", s.clientID()), slog.String("setting", "pools[].nodes[].address"))
	}
	return l.refuse(s, opening.Refusal{Outcome: outcome.NodeBusy, Code: noCandidate(outcome.NodeBusy).Code})
}

// passesLoopOn uncounts a session whose identifier is in a loop and whose node has refused it. It reports whether
// the refusal is that of the session one too many: then it is for the session before this one, too.
func (o *pending) passesLoopOn() bool {
	if o.waiting == nil || o.waiting.Load()&inLoop == 0 {
		return false
	}
	others := uncountWaiting(o.waiting)
	o.waiting = nil
	return others
}

// leaveLoopGuard uncounts a session that does not wait for its CONNACK any more. It may be called twice.
func (o *pending) leaveLoopGuard() {
	if o.waiting != nil {
		uncountWaiting(o.waiting)
		o.waiting = nil
	}
}
