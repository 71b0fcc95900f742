package proxy

import (
	"math/rand/v2"
	"slices"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
)

// queue has a session wait for its turn at a node, or for the pause between two walks. In a queue its
// bytes count as those of an opening: a storm has many sessions that wait, for much longer than a dial takes.
func (l *loop) queue(s *session) step {
	o := s.pending
	switch {
	case !o.walk.Queued():
		o.waitIsOver()
	case l.gaveUp(s):
		return l.finish(s, outcome.ClientGone)
	case o.held == nil:
		l.hold(s, nil, len(o.bytes), func(s *session) { l.loseOpening(s) })
	}
	return stepWait
}

// waitIsOver uncounts the bytes of a session that waits no longer in a queue. Those of a client that a node
// has turned away stay counted until they are no longer kept.
func (o *pending) waitIsOver() {
	if !o.retried() {
		_ = o.releaseMemory() // if it was evicted meanwhile, its turn has come all the same
		o.held = nil
	}
}

// isRemoved reports whether a reload has removed the node that a session waits for from its pool.
func (l *loop) isRemoved(o *attempt) bool {
	now := l.current.inForce(o.pool)
	return now != o.pool && !slices.ContainsFunc(now.Nodes(), func(n *balancer.Node) bool { return n.Name == o.node.Name })
}

// closeNotifySize is the size of a close_notify in its record; with the suites of TLS 1.2 that chain
// blocks it is larger. A PUBLISH after the CONNECT takes more: two records, since a close_notify follows.
const closeNotifySize = 31

// gaveUp reports whether the client of a session that waits in a queue has closed, after a CONNECT and
// nothing more. It would not learn whether a node takes it, so its turn is for others. A client that has
// sent more may have sent all it has to say.
func (l *loop) gaveUp(s *session) bool {
	o, h := s.pending, &s.client
	if !h.readToEnd || s.step != stepDial || !o.walk.Queued() || s.listener.Opaque() || o.Framed() || !isOnePacket(o.bytes) {
		return false
	}
	most := 0
	if h.layers != nil {
		most = closeNotifySize
	}
	return reactor.EndsWithin(h.fd, most)
}

// isOnePacket reports whether b is one whole packet and nothing more.
func isOnePacket(b []byte) bool {
	var scanner mqttparse.Scanner
	var n mqttparse.PacketCounts
	return scanner.Count(b, 0, &n) == 1 && scanner.Between()
}

// refuseLater refuses a session after a random time, because all nodes are full or busy. Clients that are
// refused at the same moment would come back at the same moment. Meanwhile the session holds a place of
// those that are refused, and not its CONNECT. If there is no such place, it is refused now.
func (l *loop) refuseLater(s *session) step {
	o := s.pending
	if s.place = l.server.placeToRefuse(s.listener.port, s.place); s.place == placeNone || l.server.waits.refusal == 0 {
		return l.refuse(s, noCandidate(o.walk.Reason()))
	}
	s.outcome = o.walk.Reason()
	o.Take()
	o.stopKeeping()
	s.deadline = l.In(rand.N(l.server.waits.refusal)) //nolint:gosec // it is to spread, not to be secret
	return stepDefer
}

// refuseWhenDue refuses a session that refuseLater has put off.
func (l *loop) refuseWhenDue(s *session) step {
	switch {
	case s.client.broken:
		return l.finish(s, s.outcome)
	case l.Timers.Now() < s.deadline:
		return stepWait
	}
	return l.refuse(s, noCandidate(s.outcome))
}
