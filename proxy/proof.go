package proxy

import (
	"time"

	"mqttlb/proxy/reactor"
)

// A node whose accept queue is full drops new connections. The kernel sends their SYN again after 1 s,
// those of a whole storm within a few milliseconds, and the node answers more of them than its queue
// then has room for. The excess connections exist on our side alone. Nobody acknowledges the bytes
// sent on them, and a minute may pass until the node's kernel has room at the moment of a
// retransmission. So a session whose connection took that long keeps its first bytes until the node
// has proved that it has the connection. Without proof it is dialled again when timeouts.dial is over.

const (
	// secondSYN is the shortest time that a connection takes if its first SYN was lost (RFC 6298,
	// 2.1), less the rounding of ticks.
	secondSYN = 800 * time.Millisecond

	// proofInterval is how often the loop asks whether the node has acknowledged bytes, since no event
	// reports it. An answer from the node is a proof, too.
	proofInterval = 500 * time.Millisecond
)

// awaitProof has a session wait for a proof of its connection, on which it has sent all of its first
// bytes. sent is their length.
func (l *loop) awaitProof(s *session, sent int) step {
	o := s.pending
	o.unproven = sent
	return l.checkProof(s)
}

// needsProof reports whether a new connection may exist on our side alone. With TLS or WebSocket the
// node has answered before the client's first bytes are sent.
func (l *loop) needsProof(s *session) bool {
	o := s.pending
	return s.server.layers == nil && !o.pool.WebSocket && l.Timers.Now()-o.begun >= reactor.Ticks(secondSYN)
}

// checkProof goes on if the node has acknowledged or sent bytes, and fails the attempt when its time
// is over.
func (l *loop) checkProof(s *session) step {
	o := s.pending
	switch {
	case s.server.readable || reactor.Unacknowledged(s.server.fd) < o.unproven:
		return l.reached(s)
	case l.Timers.Now() >= o.until:
		l.failAttempt(s, errDialTimeout)
		return stepDial
	}
	s.deadline = min(l.In(proofInterval), o.until)
	return stepWait
}
