//go:build !linux || plain

package proxy

import (
	"net"
	"net/netip"
	"time"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
)

// session is one client connection and its server connection.
type session struct {
	engine         *engine
	listener       *listener
	client, server side
	excess         Outcome // the limit that it was accepted past, to be told so; 0: none
	place          place
	counted        bool // among those of its address
	begun          int64
	source         netip.AddrPort // the client; not valid on Unix sockets
	destination    netip.AddrPort // where it connected to; not valid: its socket says so

	connect    mqttparse.Connect
	version    mqttparse.Version
	bytes      []byte // what the client has sent and no node has taken
	candidates balancer.Candidates
	reason     Outcome        // why the last candidate was passed over
	failure    string         // the same in words
	node       *balancer.Node // the node dialled last; nil before

	// Guarded by the engine's lock, for both directions use them.
	flow        *flow // counters of this listener and node; nil until the node is reached
	id          string
	fault       string        // what was wrong with the client's first bytes, or with the last node
	idle        time.Duration // 0: no limit
	byKeepAlive bool          // idle comes from the keep alive: only the client's bytes count
	confirming  bool          // the node's CONNACK is still to come
	connack     uint8         // its code
	outcome     Outcome       // what ended one of the directions first
	forced      Outcome       // what cut both off, whatever they were at
	timer       *time.Timer   // cuts the session off; nil: nothing will
	limit       time.Duration // of the timer
}

// side is one of the two connections of a session; the engine's lock guards the
// server's Conn and, while both directions run, moved.
type side struct {
	net.Conn
	moved         uint64  // bytes read from it
	closed, reset Outcome // how the session ends when this side closes or breaks first
}

// live is the life of a session: the steps of life_linux.go in order, announce
// being a part of dial, and confirm of relay. Each returns how the session has
// ended, or outcomeNone.
func (s *session) live() {
	for _, step := range []func(*session) Outcome{
		(*session).unwrap,
		(*session).peek,
		(*session).admit,
		(*session).route,
		(*session).dial,
		(*session).relay,
	} {
		if o := step(s); o != outcomeNone {
			s.finish(o)
			return
		}
	}
}

// arm gives the session a time, after which it ends with o.
func (s *session) arm(d time.Duration, o Outcome) {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	s.armLocked(d, o)
}

func (s *session) armLocked(d time.Duration, o Outcome) {
	s.disarmLocked()
	s.limit = d
	s.timer = time.AfterFunc(d, func() {
		s.engine.mu.Lock()
		defer s.engine.mu.Unlock()
		s.cutLocked(o)
	})
}

func (s *session) disarmLocked() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

// armIdleLocked has the idle limit run from now.
func (s *session) armIdleLocked() {
	s.disarmLocked()
	if s.idle > 0 {
		s.armLocked(s.idle, IdleTimeout)
	}
}

// cutLocked ends the session with o: its goroutines meet closed connections.
func (s *session) cutLocked(o Outcome) {
	if s.forced == outcomeNone {
		s.forced = o
	}
	_ = s.client.Close()
	if s.server.Conn != nil {
		_ = s.server.Close()
	}
}

// finish closes what the session holds, counts its outcome and writes its line.
func (s *session) finish(o Outcome) {
	e := s.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	s.cutLocked(o)
	s.disarmLocked()
	delete(e.sessions, s)
	if s.flow != nil {
		s.flow.Open--
	}
	c := &e.counters.listeners[s.listener.index]
	c.Open--
	c.Outcomes[s.forced]++
	if s.node != nil {
		s.node.Release()
	}
	if s.counted {
		e.server.addresses.leave(s.source.Addr(), s.excess.ofAddress(), e.server.now())
	}
	e.server.leave(s.listener, s.place)
	e.server.journal.take(s.recordLocked())
}

func (s *session) recordLocked() record {
	r := record{
		listener: s.listener.Name,
		source:   s.source,
		id:       s.id,
		version:  s.version,
		connack:  s.connack,
		received: s.client.moved,
		sent:     s.server.moved,
		duration: time.Duration(s.engine.server.now() - s.begun),
		outcome:  s.forced,
		fault:    s.fault,
	}
	if s.node != nil {
		r.node = s.node.Name
	}
	return r
}

// addressOf is a TCP address in the form used inside; not valid for others.
func addressOf(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := addrPort(tcp)
	return netip.AddrPortFrom(ap.Addr().WithZone(""), ap.Port())
}
