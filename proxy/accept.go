package proxy

import (
	"net/netip"

	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// listenSocket is a listening socket of a loop, with its listener in the generation in force.
type listenSocket struct {
	port       *port // nil: the socket is closed
	generation *generation
	listener   *snapshot.Listener
}

// Accepted makes the session of an accepted connection and runs its first steps.
func (l *loop) Accepted(number int, fd int32, peer netip.AddrPort) {
	d := &l.sockets[number]
	s := l.newSession()
	s.listener = l.counters.listener(d.listener, d.port)
	s.client = l.newStream(fd)
	s.client.readable = true
	s.source = originOf(peer)
	s.begun = l.Now()
	s.deadline = l.In(d.generation.Timeouts.ConnectPacket)
	if n := len(l.openings); n > 0 {
		s.pending, l.openings = l.openings[n-1], l.openings[:n-1]
	} else {
		s.pending = new(pending)
	}
	s.pending.Opening = opening.New(d.generation.Snapshot, d.listener, peer)
	s.pending.generation, s.pending.listener = d.generation, d.listener
	l.beginOpening(s.pending)
	s.listener.Accepted++
	s.listener.Open++

	s.place = l.server.takePlace(d.port, s.pending)
	s.excess = pick(s.place == placeAdmitted, outcome.None, outcome.RefusedConnections)
	s.pending.Excess = s.excess
	if s.place == placeNone {
		l.finish(s, outcome.RefusedConnections)
		return
	}
	l.advance(s)
}

// AcceptFailed counts a failed accept, after which the loop pauses.
func (l *loop) AcceptFailed(error) { l.counters.acceptErrors++ }
