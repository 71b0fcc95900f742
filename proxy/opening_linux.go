//go:build !plain

package proxy

import (
	"golang.org/x/sys/unix"

	"mqttlb/mqttparse"
	"mqttlb/proxy/tlsterm"
)

// unwrap reads the PROXY header of a peer that is trusted to send one.
func (l *loop) unwrap(s *session) step {
	if !s.listener.trusts(s.source.addrPort().Addr()) {
		return l.meet(s)
	}
	for {
		h, err := unwrap(s.opening.bytes)
		switch {
		case err == nil:
			s.opening.bytes = s.opening.bytes[h.length:]
			if !h.source.IsValid() {
				return l.greet(s) // the proxy itself, whom no limit is meant for
			}
			s.source, s.opening.destination = originOf(h.source), h.destination
			return l.meet(s)
		case err != errHeaderShort:
			s.opening.fault = err.Error()
			return l.finish(s, BadProxyHeader)
		}
		if next := l.fill(s); next != stepUnwrap {
			return next
		}
	}
}

// meet applies the limits of the client's address, which is known now.
func (l *loop) meet(s *session) step {
	refused, counted := l.server.addresses.enter(s.source.addrPort().Addr(), l.clock)
	s.counted = counted
	if refused != outcomeNone {
		s.excess = refused
		if !counted {
			return l.finish(s, refused)
		}
	}
	return l.greet(s)
}

// greet ends a session that is past a limit where its client could not be told:
// before TLS, whose handshake is what the limits are to spare, and where MQTT is
// not looked for.
func (l *loop) greet(s *session) step {
	if s.excess != outcomeNone && (s.listener.TLS != nil || s.listener.opaque()) {
		return l.finish(s, s.excess)
	}
	return s.listener.greeting()
}

// greeting is the step that reads what the listener's clients say first.
func (ln *listener) greeting() step {
	if ln.TLS != nil {
		return stepHandshake
	}
	if ln.front != nil {
		return stepUpgrade
	}
	return stepPeek
}

// peek reads the CONNECT. What it finds in l.parsed is good for this turn.
func (l *loop) peek(s *session) step {
	if s.listener.Protocol == TCP {
		return stepAdmit
	}
	if s.listener.Protocol == Passthrough {
		return l.peekServerName(s)
	}
	if s.opening.entrance != nil {
		return l.peekFrames(s)
	}
	for {
		refusal, err := peek(s.opening.bytes, &l.parsed, l.server.snapshot.MaxConnectSize)
		s.version = l.parsed.Version
		switch {
		case err == nil:
			s.id = logged(l.parsed.ClientID)
			return stepAdmit
		case err != mqttparse.ErrShort:
			if refusal.outcome == NotMQTT && s.listener.AcceptProxy && looksWrapped(s.opening.bytes) {
				refusal.outcome = UntrustedProxy
			}
			s.opening.fault = err.Error()
			return l.refuse(s, refusal)
		}
		if next := l.fill(s); next != stepPeek {
			return next
		}
	}
}

// peekServerName reads the ClientHello of TLS that is passed on, and finds the pool.
func (l *loop) peekServerName(s *session) step {
	for {
		name, err := tlsterm.ServerName(s.opening.bytes)
		switch {
		case err == nil:
			s.opening.pool = s.listener.forServerName(name)
			return stepAdmit
		case err != tlsterm.ErrShort:
			s.opening.fault = err.Error()
			return l.finish(s, HandshakeFailed)
		case len(s.opening.bytes) > maxClientHello:
			s.opening.fault = "TLS: the ClientHello is longer than 64 KiB"
			return l.finish(s, HandshakeFailed)
		}
		if next := l.fill(s); next != stepPeek {
			return next
		}
	}
}

// fill reads more of what the client sends first. It returns the session's
// step when there is more.
func (l *loop) fill(s *session) step {
	return l.fillUpTo(s, maxProxyHeader+l.server.snapshot.MaxConnectSize)
}

// fillUpTo is fill for at most so many bytes.
func (l *loop) fillUpTo(s *session, most int) step {
	if !s.client.ready {
		return stepWait
	}
	o := s.opening
	o.keep() // the scratch buffer is read into again
	room := l.scratch[headroom:min(len(l.scratch), headroom+most)]
	n, err := l.receive(&s.client, room)
	switch {
	case err == unix.EAGAIN:
		s.client.ready = false
		return stepWait
	case err != nil || n == 0:
		return l.finish(s, ClientGone)
	}
	s.client.moved += uint64(n)
	s.client.ready = n == len(room) || s.client.drain
	if o.owned {
		o.bytes = append(o.bytes, room[:n]...)
	} else {
		o.bytes = room[:n]
	}
	return s.step
}

// admit applies the limits.
func (l *loop) admit(s *session) step {
	if refusal, ok := admit(s.excess, l.server.rate, l.clock); !ok {
		return l.refuse(s, refusal)
	}
	if t := s.listener.TLS; t != nil && !s.listener.opaque() && !t.Identity.allows(s.opening.tls, &l.parsed) {
		return l.refuse(s, refusal{IdentityMismatch, mqttparse.NotAuthorized})
	}
	return stepRoute
}

// route finds the key of the session, and with it the order of the nodes. It is
// the last step that looks at what peek found.
func (l *loop) route(s *session) step {
	setting := l.server.snapshot.Timeouts.Idle
	connect := &l.parsed
	if s.listener.opaque() {
		connect = nil
		s.idle = ticks(setting)
	} else {
		s.idle = ticks(idleLimit(setting, connect.KeepAlive))
		s.byKeepAlive = setting == 0
	}
	pool := s.opening.pool
	l.beginWalk(s.opening, pool.Candidates(route(pool, connect, s.source.addrPort().Addr(), s.opening.tls)))
	if s.opening.entrance != nil && !pool.WebSocket {
		l.unwrapFrames(s)
	}
	return stepDial
}
