package proxy

import (
	"io"
	"math/rand/v2"
	"slices"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/websocket"
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

// gaveUp reports whether the client of a session that waits in a queue has ended its stream, and has sent
// no PUBLISH. It would not learn whether a node takes it, or would get no answer in time, so its turn is for
// others. A client that has published may have said all it has to say.
func (l *loop) gaveUp(s *session) bool {
	o := s.pending
	if o.saidAll || !s.client.readToEnd || s.step != stepDial || !o.walk.Queued() || s.listener.Opaque() {
		return false
	}
	switch err := l.readOn(s); {
	case err == reactor.ErrAgain:
		return false
	case err == nil, err == io.EOF && s.hasPublished():
		o.saidAll = true
		return false
	}
	return true
}

// readOn reads the bytes behind the CONNECT of a client whose end of stream is known. It returns nil if there
// are more than can be kept, otherwise the error of the last read.
func (l *loop) readOn(s *session) error {
	o := s.pending
	o.ownBytes()
	for o.early > 0 {
		b, err := l.read(&s.client)
		if err != nil {
			return err
		}
		o.bytes = append(o.bytes, b...)
		o.buffer = o.bytes
		o.early -= len(b)
		l.countOpening(s, len(o.bytes))
	}
	return nil
}

// hasPublished reports whether there is a whole PUBLISH in the bytes that are kept of the client.
func (s *session) hasPublished() bool {
	o := s.pending
	var packets mqttparse.Scanner
	var n PacketStats
	if !o.Framed() || !o.pool.WebSocket {
		packets.Count(o.bytes, 0, &n)
		return n.Publish != [3]uint64{}
	}
	var frames websocket.Follower
	for b := o.bytes; len(b) > 0; {
		length, payload, mask := frames.Next(b)
		packets.Count(payload, mask, &n)
		b = b[length:]
	}
	return n.Publish != [3]uint64{}
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
