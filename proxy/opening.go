package proxy

import (
	"time"

	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/websocket"
)

// open reads the client's first bytes and carries out the verdicts on them.
func (l *loop) open(s *session) step {
	o := s.pending
	if o.borrower != nobody {
		return stepWait
	}
	var sent []byte
	for {
		v := o.Feed(sent, &l.openingScratch)
		sent, s.version = nil, o.Version
		next := stepOpen
		switch v.Kind {
		case opening.More:
			l.limitHandshake(s)
			sent, next = l.fill(s, v.Room)
		case opening.Address:
			next = l.checkAddress(s)
		case opening.Handshake:
			l.limitHandshake(s)
			return l.handshake(s)
		case opening.HTTP:
			return l.serveHTTP(s)
		case opening.Upgrade, opening.Pong:
			next = l.answerOpening(s, v)
		case opening.Admit:
			next = l.admit(s, v)
		case opening.Refuse:
			return l.refuseWith(s, v)
		case opening.Dial:
			return l.route(s, v)
		}
		if next != stepOpen {
			return next
		}
	}
}

// fill reads up to most of the client's first bytes into the scratch buffer, with room before them. It
// returns stepOpen if there are any.
func (l *loop) fill(s *session, most int) ([]byte, step) {
	if !s.client.readable {
		return nil, stepWait
	}
	s.pending.Keep() // the read overwrites the scratch buffer
	b, err := l.readUpTo(&s.client, min(most, scratchSize))
	switch {
	case err == reactor.ErrAgain:
		return nil, stepWait
	case err != nil:
		return nil, l.finish(s, outcome.ClientGone)
	}
	return b, stepOpen
}

// checkAddress applies the limits of the client's address, which is now known.
func (l *loop) checkAddress(s *session) step {
	o := s.pending
	s.source = originOf(o.Source)
	refused, counted := l.server.addresses.enter(o.Source.Addr(), o.generation.address, l.Now())
	s.counted = counted
	if refused != outcome.None {
		s.excess, o.Excess = refused, refused
		if s.place = l.server.placeToRefuse(s.listener.port, s.place); s.place == placeNone || !counted {
			return l.finish(s, refused)
		}
	}
	return stepOpen
}

// answerOpening replies to a client whose opening goes on.
func (l *loop) answerOpening(s *session, v opening.Verdict) step {
	if v.Kind == opening.Upgrade {
		s.server.moved += uint64(len(v.Reply))
	}
	if l.seal(&s.client, v.Reply) != nil || s.client.kept != nil {
		return l.finish(s, outcome.ClientGone) // a new socket has room for the reply if its client reads
	}
	return stepOpen
}

// countOpening sets the bytes that an unfinished opening holds of the process's memory, beside its own
// struct.
func (l *loop) countOpening(s *session, bytes int) {
	l.hold(s, bytes, func(s *session) {
		s.pending.fault = "limits.opening_memory is used up, and the client's address holds the most of it"
		l.finish(s, outcome.RefusedOpening)
	})
}

// hold sets the bytes that a session holds of the memory for openings. evict is called when they do not
// fit any more.
func (l *loop) hold(s *session, bytes int, evict func(*session)) {
	o := s.pending
	if o.held == nil {
		back := l.callback(s)
		var held *holding
		evicted := func(s *session) {
			if s.pending != nil && s.pending.held == held { // otherwise that was over before this call
				evict(s)
			}
		}
		held = l.server.openingMemory.begin(s.source.addrPort().Addr(), func() { back(evicted) })
		o.held = held
	}
	o.held.set(int64(bytes) + openingSize)
}

// releaseMemory uncounts the opening's memory.
func (o *pending) releaseMemory() {
	o.held.end()
	o.held = nil
}

// connectDeadline returns the tick at which timeouts.connect_packet is over.
func (l *loop) connectDeadline(s *session) reactor.Tick {
	return l.In(s.pending.generation.Timeouts.ConnectPacket - time.Duration(l.Now()-s.begun))
}

// admit applies the limits to a client whose first bytes are whole.
func (l *loop) admit(s *session, v opening.Verdict) step {
	timeouts := &s.pending.generation.Timeouts
	s.pending.releaseMemory()
	if v.Connect != nil {
		s.name(v.Connect.ClientID, v.Connect.Username, v.Connect.Tolerated)
		s.idle = reactor.Ticks(idleLimit(timeouts.Idle, v.Connect.KeepAlive))
		s.byKeepAlive = timeouts.Idle == 0
		s.persistent = v.Connect.SessionExpiryInterval > 0 || !v.Connect.CleanStart // a node may say otherwise in its CONNACK
	} else {
		s.idle = reactor.Ticks(timeouts.Idle)
	}
	if refusal, ok := checkLimits(s.excess, l.server.rate, l.Now()); !ok {
		return l.refuse(s, refusal)
	}
	return stepOpen
}

// route begins the walk over the pool's nodes, in the order for the session's key.
func (l *loop) route(s *session, v opening.Verdict) step {
	o := s.pending
	l.countTolerated(s, o.Tolerated)
	var ok bool
	if o.guard, ok = l.server.loops.enter(s.clientID(), s.source.addrPort().Addr()); !ok {
		return l.refuseLooping(s, v.Pool.Name)
	}
	o.key, o.keyed = v.Key, v.Keyed
	l.beginWalk(s, v.Pool)
	o.tls, o.destination = o.TLS, o.Destination
	o.bytes, o.owned = o.Take()
	o.early = earlyBytes
	switch {
	case !o.Framed():
	case o.pool.WebSocket:
		o.request = o.NodeRequest()
		o.request.Key = websocket.NewKey()
	default:
		reader, rest := o.Unread()
		s.client.wrap(&framing{reader: reader, rest: rest, unread: len(rest) > 0})
	}
	return stepDial
}
