package proxy

import (
	"net/netip"
	"sync/atomic"

	"mqttlb/proxy/opening"
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

	s.place, s.excess = l.server.takePlace(d.port, s.pending)
	s.pending.Excess = s.excess
	s.pending.fault = d.generation.refusedBecause(s.excess)
	if s.place == placeNone {
		l.finish(s, s.excess)
		return
	}
	l.advance(s)
}

// AcceptFailed counts a failed accept, and logs it unless another one was logged a moment ago.
func (l *loop) AcceptFailed(number int, err error) {
	l.counters.acceptErrors++
	name := ""
	if number < len(l.sockets) && l.sockets[number].port != nil {
		name = l.sockets[number].listener.Name
	}
	if n, ok := l.server.acceptFailures.take(l.Now()); ok {
		l.server.log.Warn("connections cannot be accepted", "listener", name, "error", err, "failures", n)
	}
}

// sampledLine limits a log line that can come often. Any goroutine may use it.
type sampledLine struct {
	events atomic.Uint64 // since the last line
	next   atomic.Int64  // when the next line may come
}

// take reports whether to write the line now, and for how many events it stands. now is in ns of the
// loops' clock.
func (s *sampledLine) take(now int64) (n uint64, ok bool) {
	s.events.Add(1)
	next := s.next.Load()
	if now < next || !s.next.CompareAndSwap(next, now+int64(sampleInterval)) {
		return 0, false
	}
	return s.events.Swap(0), true
}
