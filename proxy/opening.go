package proxy

import (
	"time"

	"mqttlb/mqttparse"
	"mqttlb/proxy/reactor"
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
	refused, counted := l.server.addresses.enter(s.source.addrPort().Addr(), l.Now())
	s.counted = counted
	if refused != outcomeNone {
		s.excess = refused
		if s.place = l.server.refuse(s.listener, s.place); s.place == placeNone || !counted {
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
	o := s.opening
	if next := l.fillHello(s); next != stepPeek || !o.helloWhole {
		return next
	}
	name, err := tlsterm.ServerName(o.bytes)
	if err != nil {
		o.fault = err.Error()
		return l.finish(s, HandshakeFailed)
	}
	o.pool = s.listener.forServerName(name)
	return stepAdmit
}

// fill reads more of what the client sends first. It returns the session's
// step when there is more.
func (l *loop) fill(s *session) step {
	return l.fillUpTo(s, maxProxyHeader+l.server.snapshot.MaxConnectSize)
}

// fillUpTo is fill for at most so many bytes.
func (l *loop) fillUpTo(s *session, most int) step {
	if !s.client.readable {
		return stepWait
	}
	o := s.opening
	o.keep() // the scratch buffer is read into again
	b, err := l.readUpTo(&s.client, min(most, scratchSize))
	switch {
	case err == reactor.ErrAgain:
		return stepWait
	case err != nil:
		return l.finish(s, ClientGone)
	}
	if o.owned {
		o.bytes = append(o.bytes, b...)
	} else {
		o.bytes = b
	}
	return s.step
}

// countOpening counts what an unfinished opening holds of the process's memory, beside its own struct.
func (l *loop) countOpening(s *session, bytes int) {
	o := s.opening
	if o.held == nil {
		back := l.callback(s)
		evict := func(s *session) {
			s.opening.fault = "limits.opening_memory is used up, and the client's address holds the most of it"
			l.finish(s, RefusedOpening)
		}
		o.held = l.server.openingMemory.begin(s.source.addrPort().Addr(), func() { back(evict) })
	}
	o.held.set(int64(bytes) + openingSize)
}

// endCount ends the count of the opening's memory: it is over, or begins anew.
func (o *opening) endCount() {
	o.held.end()
	o.held = nil
}

// connectDeadline is when timeouts.connect_packet is over.
func (l *loop) connectDeadline(s *session) reactor.Tick {
	return l.In(l.server.snapshot.Timeouts.ConnectPacket - time.Duration(l.Now()-s.begun))
}

// admit applies the limits. What the client has sent first is whole.
func (l *loop) admit(s *session) step {
	s.opening.endCount()
	if refusal, ok := admit(s.excess, l.server.rate, l.Now()); !ok {
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
		s.idle = reactor.Ticks(setting)
	} else {
		s.idle = reactor.Ticks(idleLimit(setting, connect.KeepAlive))
		s.byKeepAlive = setting == 0
	}
	pool := s.opening.pool
	l.beginWalk(s.opening, pool.Candidates(route(pool, connect, s.source.addrPort().Addr(), s.opening.tls)))
	if s.opening.entrance != nil && !pool.WebSocket {
		l.unwrapFrames(s)
	}
	return stepDial
}
