package proxy

import (
	"hash/maphash"
	"log/slog"
	"sync/atomic"
	"time"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/rate"
	"mqttlb/proxy/tlsterm"
)

// A node may lead back to this process in ways that no address shows: through DNAT, or through another
// balancer. Then a CONNECT comes back again and again, each time as a new session that waits for its
// CONNACK. A client has one or two such sessions at a time. The session that is one too many is refused, and
// the sessions before it pass the refusal on, one after the other, to the first one, which tries other nodes.
//
// A CONNECT that comes back has the same credentials. Sessions with the same identifier and other credentials
// are counted apart: otherwise a stranger who knows the identifier of a client could keep that client out.

const (
	// mostWaiting is how many sessions of one client may wait for their CONNACK at a time. Devices
	// that share an identifier by mistake, and come at once, are hardly ever so many.
	mostWaiting = 64

	// guardSlots is the number of counters. Clients share them by hash: of 200,000 sessions that wait
	// for their CONNACK at once, 3 have the same counter, and practically never 64.
	guardSlots = 1 << 16

	// inLoop is the bit of a counter whose client had one session too many. The last session clears it.
	inLoop = 1 << 30

	loopLineInterval = time.Minute // between two lines of the log
)

// loopGuard counts the sessions that wait for their CONNACK, by client identifier and credentials.
type loopGuard struct {
	seed  maphash.Seed
	slots [guardSlots]atomic.Int32
	line  rate.Line
}

func newLoopGuard() *loopGuard {
	return &loopGuard{seed: maphash.MakeSeed(), line: rate.Line{Every: loopLineInterval}}
}

// counterOf returns the counter of the clients with this CONNECT and TLS, or nil if the CONNECT has no identifier:
// nothing tells such clients apart. secure is nil without TLS.
func (g *loopGuard) counterOf(c *mqttparse.Connect, secure *tlsterm.Info) *atomic.Int32 {
	if len(c.ClientID) == 0 {
		return nil
	}
	var h maphash.Hash
	h.SetSeed(g.seed)
	writeCredentials(&h, c, secure)
	return &g.slots[h.Sum64()%guardSlots]
}

// countWaiting counts a session, unless it is one too many of its client.
func countWaiting(waiting *atomic.Int32) (ok bool) {
	if waiting.Add(1)&^inLoop > mostWaiting {
		waiting.Or(inLoop)
		uncountWaiting(waiting)
		return false
	}
	return true
}

// uncountWaiting uncounts a session. It reports whether its client is in a loop and others of its sessions
// still wait.
func uncountWaiting(waiting *atomic.Int32) (others bool) {
	if n := waiting.Add(-1); n&inLoop != 0 {
		return n != inLoop || !waiting.CompareAndSwap(inLoop, 0)
	}
	return false
}

// isInLoop counts a session on its way to a node, and reports whether it is one too many.
func (o *pending) isInLoop() bool {
	if o.sameClient != nil && !countWaiting(o.sameClient) {
		return true
	}
	o.waiting = o.sameClient
	return false
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

// passesLoopOn uncounts a session whose client is in a loop and whose node has refused it. It reports whether
// the refusal is that of the session one too many: then it is for the session before this one, too.
func (o *pending) passesLoopOn() bool {
	return o.waiting != nil && o.waiting.Load()&inLoop != 0 && o.leaveLoopGuard()
}

// leaveLoopGuard uncounts a session that does not wait for its CONNACK any more, and reports what uncountWaiting
// does. It may be called twice.
func (o *pending) leaveLoopGuard() (others bool) {
	if o.waiting == nil {
		return false
	}
	others = uncountWaiting(o.waiting)
	o.waiting = nil
	return others
}
