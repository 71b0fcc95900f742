//go:build !plain

package proxy

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/tlsterm"
)

// session is one client connection and its server connection. It belongs to
// one loop, and only that loop's goroutine touches it. An idle session is this
// struct, its client identifier and two descriptors: no buffer, no goroutine.
type session struct {
	client, server half

	listener *listener
	flow     *flow    // counters of this listener and node; nil until the node is reached
	opening  *opening // nil once the node has answered
	frames   *frames  // of a WebSocket client whose node speaks none; nil: bytes pass as they are

	id     string // client identifier, as much as is logged; empty on TCP listeners
	source origin // the client
	slot   uint32 // its index in the loop's sessions

	begun int64 // the accept, in ns of the loop's clock
	timer timer

	active   tick // when the idle limit began to run
	idle     tick // the idle limit; 0: none
	deadline tick // of the step, where it is not the idle limit; 0: none

	step    step
	version mqttparse.Version
	connack uint8   // the code of the node's CONNACK
	excess  Outcome // the limit that it was accepted past, to be told so; 0: none
	outcome Outcome // decided before the end, while a refusal lingers

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
	return s.client.waits() || !s.byKeepAlive && s.client.held == nil && s.server.waits()
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

// half is one of the two connections of a session.
type half struct {
	moved  uint64  // bytes read from it
	held   *[]byte // what the other half sent and this one did not take yet
	secure *secure // its TLS; nil: none
	fd     int32   // -1: none
	birth  uint32  // tells its events from those of earlier halves in its place

	watch   watch // what epoll reports of it
	ready   bool  // a read may find bytes, the end of stream or an error
	drain   bool  // a short read does not mean that there is nothing more
	broken  bool  // epoll has reported an error, or that both streams are ended
	reset   bool  // it was an error
	ended   bool  // its end of stream was read
	blocked bool  // it once took less than it was given: ask for room too
}

// hold keeps what the half did not take, until it does, after what it holds
// already. Reading from the other half stops, so it is at most one scratch buffer,
// and what we have to say ourselves.
func (h *half) hold(b []byte) {
	var held []byte
	if h.held != nil {
		held = *h.held
	} else {
		held = make([]byte, 0, len(b))
	}
	held = append(held, b...)
	h.held, h.blocked = &held, true
}

// waits reports whether bytes of the half wait in its socket, and no end behind them.
func (h *half) waits() bool {
	if h.drain {
		return false
	}
	waiting, err := unix.IoctlGetInt(int(h.fd), unix.SIOCINQ)
	return err == nil && waiting > 0
}

// watch is what a half is registered for.
type watch uint8

const (
	watchNothing watch = iota
	watchInput
	watchInputAndRoom
)

// opening is what a session needs only until its node has answered.
type opening struct {
	// bytes is what the client has sent and nobody has taken: the CONNECT and
	// what came with it. While owned is false it is a view into the loop's
	// scratch buffer and good for this turn alone.
	bytes []byte
	owned bool
	sent  uint64 // how much the client had sent when a node of TLS got bytes

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
	refused     uint64         // how much the client had sent when it was refused
}

// keep makes bytes outlive the turn.
func (o *opening) keep() {
	if !o.owned && len(o.bytes) > 0 {
		o.bytes = append(make([]byte, 0, len(o.bytes)), o.bytes...)
	}
	o.owned = len(o.bytes) > 0
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

// sessionChunk sessions are allocated at once, in whole pages; they never move.
const sessionChunk = 1024

// sessions holds the sessions of a loop by slot. Slots are reused.
type sessions struct {
	chunks []*[sessionChunk]session
	free   []uint32
	open   int
	births uint32 // how many halves there were
}

// born is a half for a descriptor.
func (t *sessions) born(fd int32) half {
	t.births++
	return half{fd: fd, birth: t.births}
}

// take returns an empty session.
func (t *sessions) take() *session {
	if len(t.free) == 0 {
		base := uint32(len(t.chunks) * sessionChunk)
		t.chunks = append(t.chunks, new([sessionChunk]session))
		for i := range uint32(sessionChunk) {
			t.free = append(t.free, base+sessionChunk-1-i)
		}
	}
	slot := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	s := t.at(slot)
	*s = session{slot: slot, client: half{fd: -1}, server: half{fd: -1}}
	t.open++
	return s
}

// at is the session in a slot, which may be a free one.
func (t *sessions) at(slot uint32) *session {
	return &t.chunks[slot/sessionChunk][slot%sessionChunk]
}

// release gives a session's slot back.
func (t *sessions) release(s *session) {
	*s = session{slot: s.slot}
	t.free = append(t.free, s.slot)
	t.open--
}

// each calls f for every session that is open; f may release it.
func (t *sessions) each(f func(*session)) {
	for _, chunk := range t.chunks {
		for i := range chunk {
			if chunk[i].listener != nil {
				f(&chunk[i])
			}
		}
	}
}
