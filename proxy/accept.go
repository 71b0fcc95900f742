package proxy

import (
	"net/netip"

	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
)

// Accepted makes the session of a connection that was accepted, and takes it as far
// as it goes.
func (l *loop) Accepted(listener int, fd int32, peer netip.AddrPort) {
	ln := l.server.listeners[listener]
	s := l.take()
	s.listener = ln
	s.client = l.born(fd)
	s.client.readable = true
	s.source = originOf(peer)
	s.begun = l.Now()
	s.deadline = l.In(l.server.snapshot.Timeouts.ConnectPacket)
	if n := len(l.openings); n > 0 {
		s.pending, l.openings = l.openings[n-1], l.openings[:n-1]
	} else {
		s.pending = new(pending)
	}
	s.pending.Opening = opening.New(l.server.snapshot, ln.Listener, peer)
	counted := &l.counters.listeners[ln.index]
	counted.Accepted++
	counted.Open++

	s.place = l.server.enter(ln)
	s.excess = pick(s.place == placeTaken, outcome.None, outcome.RefusedConnections)
	s.pending.Excess = s.excess
	if s.place == placeNone {
		l.finish(s, outcome.RefusedConnections)
		return
	}
	l.advance(s)
}

// AcceptFailed counts what the loop pauses for.
func (l *loop) AcceptFailed(error) { l.counters.AcceptErrors++ }
