package proxy

import (
	"net/netip"
	"time"

	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
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
	s.deadline = l.In(firstLimit(d.generation, d.listener))
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

	if l.server.bans.refuse(s.pending.Limited(), &l.current.Bans, s.begun) {
		l.refuseBanned(s)
		return
	}
	s.place, s.excess = l.server.takePlace(d.port, s.pending)
	s.pending.Excess = s.excess
	if s.place == placeNone {
		l.finish(s, s.excess)
		return
	}
	l.advance(s)
}

// refuseBanned ends a connection whose client is banned, with RST: it costs less than a FIN, after which the kernel
// keeps the connection for a while.
func (l *loop) refuseBanned(s *session) step {
	reactor.Abort(s.client.fd)
	return l.finish(s, outcome.Banned)
}

// firstLimit is the time of a client for its first step: its TLS handshake, after which it has timeouts.connect_packet, or
// all of its first bytes. A PROXY header counts in it.
func firstLimit(g *generation, ln *snapshot.Listener) time.Duration {
	if ln.TLS != nil {
		return ln.TLS.Timeout
	}
	return g.Timeouts.ConnectPacket
}

// AcceptFailed counts a failed accept, and logs it unless another one was logged a moment ago.
func (l *loop) AcceptFailed(number int, err error) {
	l.counters.acceptErrors++
	name := ""
	if number < len(l.sockets) && l.sockets[number].port != nil {
		name = l.sockets[number].listener.Name
	}
	if n, ok := l.server.acceptFailures.Take(time.Now()); ok {
		l.server.log.Warn("connections cannot be accepted", "listener", name, "error", err, "failures", n)
	}
}
