package proxy

import "mqttlb/proxy/reactor"

// connect begins a connection to the session's node.
func (l *loop) connect(s *session) error {
	addrs := s.opening.node.Addrs()
	if len(addrs) == 0 {
		return errUnresolved
	}
	s.opening.dialled = addrs[0]
	fd, err := reactor.NewSocket(addrs[0])
	if err != nil {
		return err
	}
	s.server = l.born(fd)
	if s.idle == 0 {
		// No idle limit will find out that the node's machine is gone.
		reactor.KeepAlive(fd)
	}
	return l.Connect(fd, addrs[0])
}

// giveUp drops the connection to a node that could not be made.
func (l *loop) giveUp(s *session, err error) {
	o := s.opening
	o.loan.reclaim()
	if s.server.fd >= 0 {
		if timedOut(err) {
			reactor.Abort(s.server.fd) // what the node has not accepted it then need not
		}
		reactor.Close(s.server.fd)
		s.server = half{fd: -1}
	}
	o.node.Release()
	o.reason, o.failure = shortage(err), failure(o.node, err)
	o.walk.timedOut = o.walk.timedOut || timedOut(err)
	if failed := o.pool.DialFailed; failed != nil && o.reason == DialFailed && err != errHandshakeTurn {
		failed(o.node)
	}
	l.counters.flows[s.listener.index][s.listener.lane(o.pool, o.node)].DialErrors++
	l.server.journal.dialFailed(s.listener, o.node, err)
	o.node = nil
}

// announce writes the PROXY header and the CONNECT, in one, as soon as the
// connection takes them.
func (l *loop) announce(s *session) step {
	if s.client.broken {
		return l.finish(s, ClientGone)
	}
	if s.opening.walk.unproven > 0 {
		return l.prove(s)
	}
	first, err := l.firstBytes(s)
	if err != nil {
		l.giveUp(s, err)
		return stepDial
	}
	n, next := l.writeFirst(s, first)
	if next != stepAnnounce {
		return next
	}
	if s.server.secure != nil {
		reactor.QuickAck(s.server.fd)
	}
	if s.opening.pool.WebSocket {
		if n < len(first) || s.server.held != nil { // TLS takes all, and its half holds the rest
			l.giveUp(s, errShortWrite)
			return stepDial
		}
		s.opening.answer = nil
		return stepSwitch
	}
	if n == len(first) && n > 0 && l.doubtful(s) {
		return l.doubt(s, n)
	}
	return l.reached(s, first[n:])
}

// writeFirst writes to a node what comes first, and returns how much of it. A
// connection that is still being made takes nothing, and the step to take is
// stepWait; on loopback it is made at once.
func (l *loop) writeFirst(s *session, first []byte) (n int, next step) {
	var err error
	if len(first) > 0 {
		n, err = l.send(&s.server, first)
	} else {
		err = reactor.Connected(s.server.fd)
	}
	switch {
	case err == reactor.ErrNotConnected || err == nil && n == 0 && len(first) > 0:
		s.server.blocked = true // the loop is told when it is made
		return 0, stepWait
	case err != nil:
		l.giveUp(s, l.alertBefore(s, err))
		return 0, stepDial
	}
	return n, s.step
}

// reached begins what a session does on its node, once that has taken the first
// bytes, or all but rest of them.
func (l *loop) reached(s *session, rest []byte) step {
	o := s.opening
	s.flow = &l.counters.flows[s.listener.index][s.listener.lane(o.pool, o.node)]
	s.flow.Open++
	s.flow.Total++
	s.flow.Received += uint64(len(o.bytes))
	if len(rest) > 0 {
		s.server.hold(rest)
	}
	l.keepForTLS(s)
	s.active, s.deadline = l.Timers.Now(), l.In(connackTime)
	if s.listener.Opaque() {
		l.opened(s)
		return stepRelay
	}
	if s.server.held == nil && l.catchUp(s) {
		return stepEnded
	}
	return stepConfirm
}

// firstBytes is what a node gets first: the PROXY header, if its pool speaks
// PROXY and it is not sent yet, and what the client has sent so far. Good until the
// scratch buffer is used again.
func (l *loop) firstBytes(s *session) ([]byte, error) {
	o := s.opening
	var header []byte
	if s.server.secure == nil { // else it is before the handshake
		var err error
		if header, err = l.proxyHeader(s); err != nil {
			return nil, err
		}
	}
	if o.pool.WebSocket {
		return l.upgradeBytes(s, header), nil
	}
	if len(header) == 0 {
		return o.bytes, nil
	}
	if o.owned || len(o.bytes) == 0 {
		return append(append(l.scratch[:0], header...), o.bytes...), nil
	}
	// The client's bytes are in the scratch buffer, with room before them.
	start := cap(l.scratch) - cap(o.bytes)
	return append(append(l.scratch[start-len(header):start-len(header)], header...), o.bytes...), nil
}

// upgradeBytes is what a node that speaks WebSocket gets first, in one write: some
// read the PROXY header once and give it a second.
func (l *loop) upgradeBytes(s *session, header []byte) []byte {
	s.opening.keep()
	return s.opening.request.Append(append(l.scratch[:0], header...))
}

// proxyHeader is the PROXY header for the session's node, in l.header; empty where
// its pool speaks no PROXY.
func (l *loop) proxyHeader(s *session) ([]byte, error) {
	o := s.opening
	if o.pool.SendProxy == 0 {
		return nil, nil
	}
	source, destination := s.source.addrPort(), o.destination
	if !source.IsValid() {
		// A client on a Unix socket has no address: this is our own connection.
		own, err := l.LocalAddr(s.server.fd)
		if err != nil {
			return nil, err
		}
		source, destination = own, o.dialled
	} else if !destination.IsValid() {
		own, err := l.LocalAddr(s.client.fd)
		if err != nil {
			return nil, err
		}
		destination, o.destination = own, own
	}
	header, err := appendProxyHeader(l.header[:0], o.pool.SendProxy, source, destination)
	if err == nil && o.tls != nil && o.pool.SendProxy == 2 {
		header = withTLS(header, o.tls)
	}
	return header, err
}
