package proxy

import (
	"time"

	"mqttlb/proxy/reactor"
)

// A node whose queue of new connections is full drops what comes. The kernel sends the
// SYN again after 1 s, those of a whole storm within a few milliseconds, and the node's
// answers more of them than its queue then has room for: connections that exist on this
// side alone. What is sent on one is acknowledged by nobody, and it may take a minute
// until the node's kernel has room at the moment of a retransmission. A session whose
// connection took so long therefore keeps its first bytes until the node has proved that
// it is there, and is otherwise dialled again when timeouts.dial is over.

const (
	// secondSYN is how long a connection takes whose first SYN was lost, at least
	// (RFC 6298, 2.1), less what the ticks of a loop round off.
	secondSYN = 800 * time.Millisecond

	// proofInterval is how often a node's acknowledgement is looked for: nothing tells
	// of it. Where the node answers, its answer is the proof.
	proofInterval = 500 * time.Millisecond
)

// awaitProof has a session wait for a proof of its connection, over which it has sent all its
// first bytes, of that length.
func (l *loop) awaitProof(s *session, sent int) step {
	o := s.pending
	o.unproven = sent
	return l.checkProof(s)
}

// needsProof reports whether a connection that has just been made may exist on this side
// alone. TLS and WebSocket are answered before the client's first bytes are sent.
func (l *loop) needsProof(s *session) bool {
	o := s.pending
	return s.server.layers == nil && !o.pool.WebSocket && l.Timers.Now()-o.begun >= reactor.Ticks(secondSYN)
}

// checkProof looks for the proof.
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
