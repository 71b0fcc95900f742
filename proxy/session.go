package proxy

import (
	"fmt"
	"net/netip"
	"time"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/tlsterm"
)

// session is one client connection and its server connection. It belongs to
// one loop, and only that loop's goroutine touches it. An idle session is this
// struct, its client identifier and two descriptors: no buffer, no goroutine.
type session struct {
	client, server stream

	listener *listener
	flow     *flow    // counters of this listener and node; nil until the node is reached
	opening  *opening // nil once the node has answered

	id     string // client identifier, as much as is logged; empty on TCP listeners
	source origin // the client
	slot   uint32 // its index in the loop's sessions

	begun int64 // the accept, in ns of the loop's clock

	written  mqttparse.Scanner // what a client of MQTT 5 was given, where frames do not pass
	lingered uint32            // bytes that were thrown away after the goodbye

	timer    reactor.Tick // when its timer fires; 0: it is not set
	active   reactor.Tick // when the idle limit began to run
	idle     reactor.Tick // the idle limit; 0: none
	deadline reactor.Tick // of the step, where it is not the idle limit; 0: none

	step    step
	version mqttparse.Version
	connack uint8   // the code of the node's CONNACK, valid only if connacked
	excess  Outcome // the limit that it was accepted past, to be told so; 0: none
	outcome Outcome // decided before the end, while a refusal lingers

	connacked   bool // the node's CONNACK has passed
	place       place
	counted     bool // among those of its address
	byKeepAlive bool // idle comes from the keep alive: only the client's bytes count
}

// node is the one that the session is on, or that it dials; nil: none.
func (s *session) node() *balancer.Node {
	switch {
	case s.flow != nil:
		return s.flow.Node
	case s.opening != nil:
		return s.opening.node
	}
	return nil
}

// unheard reports whether a session that is out of time has not been silent: bytes
// of the client wait in its socket, because the node takes none, or bytes that this turn
// of a loop that is late has not come to.
func unheard(s *session) bool {
	return s.client.waits() || !s.byKeepAlive && s.client.kept == nil && s.server.waits()
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

// opening is what a session needs only until its node has answered.
type opening struct {
	// bytes is what the client has sent and nobody has taken: the CONNECT and
	// what came with it. While owned is false it is a view into the loop's
	// scratch buffer and good for this turn alone.
	bytes []byte
	owned bool
	sent  uint64 // how much the client had sent when a node of TLS got bytes

	hello      tlsterm.HelloScanner // of TLS listeners, and of TLS that is passed on
	helloWhole bool
	shakeBy    int64 // when the client's handshake must be over, in ns of the loop's clock; 0: it has not begun

	held *holding // what it counts for in the process's opening memory; nil: nothing

	lent     *lent         // a handshake has the client's connection
	nodeLent *lent         // a handshake has the node's connection
	tls      *tlsterm.Info // of the client's handshake; nil: none
	visit    *visit        // net/http has the client's connection
	entrance *entrance     // the client has upgraded to WebSocket

	pool        *Pool
	candidates  balancer.Candidates
	walk        walk
	node        *balancer.Node // the node dialled last; nil: none
	dialled     netip.AddrPort // the address of the last candidate
	destination netip.AddrPort // where the client connected to; not valid: not known yet
	reason      Outcome        // why the last candidate was passed over
	failure     string         // the same in words
	answer      []byte         // the beginning of a CONNACK that is not whole yet
	fault       string         // what was wrong with the client's first bytes, or with the last node
}

// keep makes bytes outlive the turn.
func (o *opening) keep() {
	if !o.owned && len(o.bytes) > 0 {
		o.bytes = append(make([]byte, 0, len(o.bytes)), o.bytes...)
	}
	o.owned = len(o.bytes) > 0
}

// late says of a client whose first bytes are not whole which time is over.
func (s *session) late(connectPacket time.Duration) string {
	switch {
	case s.opening.visit != nil:
		return "" // the visit knows
	case s.step == stepHandshake && s.listener.TLS.Timeout < connectPacket:
		return fmt.Sprintf("no whole ClientHello within tls.handshake_timeout %v", s.listener.TLS.Timeout)
	case s.step == stepUnwrap:
		return fmt.Sprintf("no whole PROXY header within timeouts.connect_packet %v", connectPacket)
	case s.step == stepHandshake || s.listener.Protocol == Passthrough:
		return fmt.Sprintf("no whole ClientHello within timeouts.connect_packet %v", connectPacket)
	case s.step == stepUpgrade:
		return fmt.Sprintf("no whole upgrade within timeouts.connect_packet %v", connectPacket)
	default:
		return fmt.Sprintf("no whole CONNECT within timeouts.connect_packet %v", connectPacket)
	}
}

// size is what the opening holds of what the client has sent, in bytes.
func (o *opening) size() int {
	n := cap(o.bytes)
	if o.entrance != nil {
		n += cap(o.entrance.packet)
	}
	return n
}

// reclaim ends what others do with the connections, and takes them back.
func (o *opening) reclaim() {
	for _, c := range []*lent{o.lent, o.nodeLent} {
		if c != nil {
			_ = c.Close()
		}
	}
	if o.visit != nil {
		_ = o.visit.Close()
	}
}

// born is a stream for a descriptor.
func (l *loop) born(fd int32) stream {
	return stream{fd: fd, birth: l.sessions.Birth()}
}

// take returns an empty session.
func (l *loop) take() *session {
	slot, s := l.sessions.Take()
	*s = session{slot: slot, client: stream{fd: -1}, server: stream{fd: -1}}
	return s
}

// each calls f for every session that is open; f may end it.
func (l *loop) each(f func(*session)) {
	for s := range l.sessions.All() {
		if s.listener != nil {
			f(s)
		}
	}
}
