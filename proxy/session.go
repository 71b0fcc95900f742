package proxy

import (
	"net/netip"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
)

// session is one client connection and its server connection. It belongs to
// one loop, and only that loop's goroutine touches it. An idle session is this
// struct, its client identifier and two descriptors: no buffer, no goroutine.
type session struct {
	client, server stream

	listener *listener
	flow     *flow    // counters of this listener and node; nil until the node is reached
	pending  *pending // nil once the node has answered

	id     string // client identifier, as much as is logged; empty on TCP listeners
	source origin // the client
	slot   uint32 // its index in the loop's sessions

	begun int64 // the accept, in ns of the loop's clock

	delivered delivered // what the client has been given
	lingered  uint32    // bytes that were thrown away after the goodbye

	timer    reactor.Tick // when its timer fires; 0: it is not set
	active   reactor.Tick // when the idle limit began to run
	idle     reactor.Tick // the idle limit; 0: none
	deadline reactor.Tick // of the step, where it is not the idle limit; 0: none

	step    step
	version mqttparse.Version
	connack uint8           // the code of the node's CONNACK, valid only if connacked
	excess  outcome.Outcome // the limit that it was accepted past, to be told so; 0: none
	outcome outcome.Outcome // decided before the end, while a refusal lingers

	stuck       stuck
	connacked   bool // the node's CONNACK has passed
	place       place
	counted     bool // among those of its address
	framesPass  bool // frames of WebSocket pass as they are: both sides speak it
	byKeepAlive bool // idle comes from the keep alive: only the client's bytes count
}

// node is the one that the session is on, or that it dials; nil: none.
func (s *session) node() *balancer.Node {
	switch {
	case s.flow != nil:
		return s.flow.node
	case s.pending != nil:
		return s.pending.node
	}
	return nil
}

// stillSending reports whether a session that is out of time has not been silent: bytes
// of the client wait in its socket, because the node takes none, or bytes that this turn
// of a loop that is late has not come to.
func stillSending(s *session) bool {
	return s.client.hasUnread() || !s.byKeepAlive && s.client.kept == nil && s.server.hasUnread()
}

// origin is where a client is, in 20 bytes where netip.AddrPort takes 32. The
// zero value is that of a Unix socket.
type origin struct {
	ip    [16]byte
	port  uint16
	known bool
}

func originOf(a netip.AddrPort) origin {
	return origin{a.Addr().As16(), a.Port(), a.IsValid()}
}

// addrPort is the origin in the form used elsewhere, IPv4 unmapped; not valid
// where it is not known.
func (o origin) addrPort() netip.AddrPort {
	if !o.known {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom16(o.ip).Unmap(), o.port)
}

// newStream is a stream for a descriptor.
func (l *loop) newStream(fd int32) stream {
	return stream{fd: fd, birth: l.sessions.Birth()}
}

// newSession returns an empty session.
func (l *loop) newSession() *session {
	slot, s := l.sessions.Take()
	*s = session{slot: slot, client: stream{fd: -1}, server: stream{fd: -1}}
	return s
}

// eachSession calls f for every session that is open; f may end it.
func (l *loop) eachSession(f func(*session)) {
	for s := range l.sessions.All() {
		if s.listener != nil {
			f(s)
		}
	}
}

// pick is one of two values.
func pick[T any](first bool, ifFirst, otherwise T) T {
	if first {
		return ifFirst
	}
	return otherwise
}
