package proxy

import (
	"encoding/binary"
	"net/netip"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/websocket"
)

// session is one client connection and its server connection. It belongs to one loop, and only that
// loop's goroutine touches it. An idle session is this struct, its client identifier and user name, and
// two descriptors: no buffer, no goroutine.
type session struct {
	client, server stream

	listener *listener
	flow     *flow    // counters of this listener and node; nil until the node is reached
	pending  *pending // nil once the node has answered

	names  string         // client identifier, user name and tolerated rules, see name; empty on TCP listeners
	serial uint64         // counts the sessions of the loop: see SessionID
	source origin         // address of the client
	visit  balancer.Visit // of an address of its node
	slot   uint32         // index in the loop's sessions

	begun int64 // when it was accepted, in ns of the loop's clock

	frames   *[2]websocket.Follower // of the frames that pass unchanged, by direction; nil unless both sides speak WebSocket
	scanners [2]mqttparse.Scanner   // of the packets that are forwarded, by direction
	packets  [2]uint32              // number of those, which may wrap around
	lingered uint32                 // bytes thrown away after the goodbye; with those of the PROXY header, if the listener reads nothing else

	timer    reactor.Tick // when the timer fires; 0: not set
	active   reactor.Tick // start of the idle limit
	answered reactor.Tick // when bytes of the node came last, in whole ticks; 0: never
	idle     reactor.Tick // the idle limit; 0: none
	deadline reactor.Tick // deadline of the step, in place of the idle limit; 0: none

	idSize  uint16 // bytes of names that are the client identifier
	step    step
	version mqttparse.Version
	connack uint8                // code of the node's CONNACK, valid only if connacked
	excess  outcome.Outcome      // the limit that the client exceeded and must be told; 0: none
	outcome outcome.Outcome      // decided before the end, for example while a refusal lingers
	code    mqttparse.ReasonCode // told in place of the outcome's own; 0: the outcome's own

	stuck       stuck
	connacked   bool // the node's CONNACK was forwarded
	place       place
	counted     countedIn
	persistent  bool // the broker keeps its state after the connection
	assigned    bool // the client identifier is the node's: the client had none
	byKeepAlive bool // idle comes from the keep alive: only the client's bytes count
	breaksRules bool // the end of names are the rules that the CONNECT breaks
}

// countedIn says which tables of the server have the session, by its address or its client identifier.
type countedIn uint8

const (
	inAddresses countedIn = 1 << iota
	inConduct             // a node has accepted it
	inOwners              // it owns its client identifier
)

// node returns the node that the session is on or dials, or nil if there is none.
func (s *session) node() *balancer.Node {
	switch {
	case s.flow != nil:
		return s.flow.node
	case s.pending != nil:
		return s.pending.node
	}
	return nil
}

// stillSending reports whether a session whose idle limit is over has in fact not been idle. Bytes
// wait in its socket because the other side takes none, or because a late loop has not reached them in
// this turn.
func stillSending(s *session) bool {
	return s.client.hasUnread() || !s.byKeepAlive && s.client.kept == nil && s.server.hasUnread()
}

// origin is the address of a client in 19 bytes, where netip.AddrPort takes 32. The zero value stands
// for a Unix socket.
type origin struct {
	ip    [16]byte
	port  [2]byte
	known bool
}

func originOf(a netip.AddrPort) origin {
	return origin{a.Addr().As16(), [2]byte{byte(a.Port() >> 8), byte(a.Port())}, a.IsValid()}
}

// addrPort returns the origin as an AddrPort with IPv4 unmapped. It is not valid for a Unix socket.
func (o origin) addrPort() netip.AddrPort {
	if !o.known {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom16(o.ip).Unmap(), binary.BigEndian.Uint16(o.port[:]))
}

// newStream returns a stream for a descriptor.
func (l *loop) newStream(fd int32) stream {
	return stream{fd: fd, birth: l.sessions.Birth()}
}

// newSession returns an empty session.
func (l *loop) newSession() *session {
	slot, s := l.sessions.Take()
	l.touch(s, slot)
	l.serial++
	*s = session{slot: slot, serial: l.serial, client: stream{fd: -1}, server: stream{fd: -1}}
	return s
}

// eachSession calls f for every open session. f may end the session.
func (l *loop) eachSession(f func(*session)) {
	for s := range l.sessions.All() {
		if s.listener != nil {
			f(s)
		}
	}
}

// pick returns ifFirst if first is true, and otherwise the other value.
func pick[T any](first bool, ifFirst, otherwise T) T {
	if first {
		return ifFirst
	}
	return otherwise
}
