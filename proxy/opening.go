package proxy

import (
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
			sent, next = l.fill(s, v.Room)
		case opening.Address:
			next = l.checkAddress(s)
		case opening.Handshake:
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
	case s.client.fault() != nil:
		return nil, l.refuseAndLinger(s, outcome.ClientGone) // the alert must still reach the client
	case err != nil:
		return nil, l.finish(s, outcome.ClientGone)
	}
	return b, stepOpen
}

// checkAddress applies the limits of the client's address, which is now known.
func (l *loop) checkAddress(s *session) step {
	o := s.pending
	s.source = originOf(o.Source)
	if o.releaseMemory() { // it is counted anew, for this client
		return l.loseOpening(s)
	}
	if l.server.bans.refuse(o.Limited(), &l.current.Bans, l.Now()) {
		if o.Forwarded() {
			s.excess, o.Excess = outcome.Banned, outcome.Banned // the proxy gets an answer: it may take a reset for a fault of ours
			return stepOpen
		}
		return l.refuseBanned(s)
	}
	refused, counted := l.server.addresses.enter(o.Limited(), o.generation.address, l.Now())
	s.counted = pick(counted, inAddresses, 0)
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

// countOpening sets the bytes that an unfinished opening holds of the process's memory, beside its
// struct and its socket.
func (l *loop) countOpening(s *session, bytes int) {
	l.hold(s, s.lendsOn(), bytes+openingSocket, func(s *session) { l.loseOpening(s) })
}

// loseOpening ends an opening that was evicted.
func (l *loop) loseOpening(s *session) step {
	if s.pending.held.end() == lostPlace {
		s.pending.fault = "all places are taken, and the client's address has the most unfinished openings: see limits.max_connections"
		return l.finish(s, outcome.RefusedConnections)
	}
	s.pending.fault = "limits.opening_memory is used up, and the client's address holds the most of it"
	return l.finish(s, outcome.RefusedOpening)
}

// hold sets the bytes that a session holds of the memory for openings. at is the port where it has a
// place that it can give away, or nil. evict is called when it has to go.
func (l *loop) hold(s *session, at *port, bytes int, evict func(*session)) {
	o := s.pending
	if o.held == nil {
		back := l.callback(s)
		var held *holding
		evicted := func(s *session) {
			if s.pending != nil && s.pending.held == held { // otherwise that was over before this call
				evict(s)
			}
		}
		held = l.server.openingMemory.begin(o.Client, at, func() { back(evicted) })
		o.held = held
	}
	o.held.set(int64(bytes) + openingSize)
}

// releaseMemory uncounts the opening's memory, and reports whether its place was given away meanwhile. An
// opening that was evicted for its memory holds none any more, and goes on.
func (o *pending) releaseMemory() (placeLost bool) {
	if o.held.end() == lostPlace {
		return true // held stays for loseOpening
	}
	o.held = nil
	return false
}

// admit applies the limits to a client whose first bytes are whole.
func (l *loop) admit(s *session, v opening.Verdict) step {
	timeouts := &s.pending.generation.Timeouts
	if s.pending.releaseMemory() {
		return l.loseOpening(s)
	}
	if v.Connect != nil {
		s.name(v.Connect.ClientID, v.Connect.Username, v.Connect.Tolerated)
		s.idle = reactor.Ticks(idleLimit(timeouts.Idle, v.Connect.KeepAlive))
		s.byKeepAlive = timeouts.Idle == 0
		s.pending.sameClient = l.server.loopGuard.counterOf(v.Connect, s.pending.TLS)
		if l.current.clientID.hold > 0 {
			s.pending.client = l.server.clientIDs.identity(v.Connect, s.pending.Client, s.pending.TLS)
		}
		s.persistent = v.Connect.SessionExpiryInterval > 0 || !v.Connect.CleanStart // a node may say otherwise in its CONNACK
	} else {
		s.idle = reactor.Ticks(timeouts.Idle)
	}
	if v.Rule != nil {
		if next := l.applyRule(s, v); next != stepOpen {
			return next
		}
	}
	held := l.server.clientIDs.isHeld(s.pending.client, &l.current.clientID, l.Now())
	excess := s.excess
	if excess == outcome.None && l.server.bans.refuse(s.pending.Limited(), &l.current.Bans, l.Now()) {
		excess = outcome.Banned // since the connection was accepted: it may be one of thousands, each with a password to try
	}
	if refusal, ok := checkLimits(excess, held, l.server.rate, l.Now()); !ok {
		return l.refuse(s, refusal)
	}
	return stepOpen
}

// route begins the walk over the pool's nodes, in the order for the session's key.
func (l *loop) route(s *session, v opening.Verdict) step {
	o := s.pending
	l.countTolerated(s, o.Tolerated)
	o.key, o.keyed = v.Key, v.Keyed
	l.beginWalk(s, v.Pool)
	if o.isInLoop() {
		return l.refuseLoop(s)
	}
	o.tls, o.destination = o.TLS, o.Destination
	o.bytes, o.owned = o.Take()
	o.early = earlyBytes
	if s.listener.Opaque() && len(o.bytes) == 0 && s.client.moved > 0 && s.client.readable {
		// A check of a proxy in front has often closed behind its header: no node needs to know.
		b, err := l.read(&s.client)
		if err != nil && err != reactor.ErrAgain {
			return l.finish(s, outcome.ClientGone)
		}
		o.bytes = b
	}
	switch {
	case !o.Framed():
	case o.pool.WebSocket:
		o.request = o.NodeRequest()
		o.request.Key = websocket.NewKey()
	default:
		reader, rest := o.Unread()
		s.client.wrap(&framing{reader: reader, rest: rest, unread: len(rest) > 0, single: o.listener.SinglePackets})
	}
	return stepDial
}
