package proxy

import (
	"errors"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/walk"
	"mqttlb/proxy/websocket"
)

// dialNode begins a connection to the session's node.
func (l *loop) dialNode(s *session) error {
	o := s.pending
	addrs := o.node.DialOrder()
	switch len(addrs) {
	case 0:
		return walk.NoAddress(o.node)
	case 1:
		return l.dialAddress(s, addrs[0])
	}
	o.left = addrs
	if !l.dialNext(s) {
		return o.failed
	}
	return nil
}

// failAttempt drops the attempt to reach a node, counts it and tells the pool.
func (l *loop) failAttempt(s *session, err error) {
	o, node := s.pending, s.pending.node
	err = o.atAll(err)
	failed := o.walk.Failed(err)
	if failed.TimedOut && s.server.fd >= 0 {
		reactor.Abort(s.server.fd) // the node then need not accept a connection that nobody uses
	}
	o.refusedStatus = 0
	if refused, ok := errors.AsType[*websocket.ResponseError](err); ok && o.request != nil {
		o.refusedStatus, err = refused.Status, o.explainRefusal(refused.Status, err)
	}
	l.dropAttempt(s) // the next node is offered all subprotocols again
	o.failure = failure(node, err)
	if cause, mute := upgradeCause(o.pool, err, l.isPatient(o)); mute && !o.asksMuch() {
		s.reportUnanswered(node, cause)
	}
	if failed.Unreached {
		node.Observed(false)
		if o.pool.DialFailed != nil {
			o.pool.DialFailed(node)
		}
	}
	if f := l.counters.flow(s.listener.Name, o.pool.Name, node); balancer.ShortageOf(err) != balancer.NoShortage {
		f.Shortages++
	} else {
		f.DialErrors++
	}
	l.server.journal.dialFailed(s.listener, o.pool.Name, node, err)
}

// dropAttempt closes the connection to a node that does not have the client yet, if there is one.
func (l *loop) dropAttempt(s *session) {
	o := s.pending
	if o.borrower == nodeHandshake {
		o.reclaim()
	}
	l.closeServer(s)
	o.walk.Leave()
	if o.node != nil {
		o.node.Release()
		o.node = nil
	}
	o.newOffer()
}

// closeServer closes the connection to a node, if there is one.
func (l *loop) closeServer(s *session) {
	l.closeStream(&s.server)
	s.pending.abortOthers(l)
	s.pending.race = race{others: s.pending.others}
}

// announce writes the PROXY header and the CONNECT in one write, once the connection is made.
func (l *loop) announce(s *session) step {
	if s.client.broken {
		return l.finish(s, outcome.ClientGone)
	}
	if s.pending.unproven > 0 {
		return l.checkProof(s)
	}
	first, err := l.firstBytes(s)
	if err != nil {
		l.failAttempt(s, err)
		return stepDial
	}
	if next := l.writeFirst(s, first); next != stepAnnounce {
		return next
	}
	o := s.pending
	l.counters.flow(s.listener.Name, o.pool.Name, o.node).times.dial.observe(&latencies, time.Duration(l.Now()-o.begunAt))
	if s.server.layers != nil {
		reactor.QuickAck(s.server.fd)
	}
	if o.pool.WebSocket {
		o.answer = nil
		return stepSwitch
	}
	if s.server.kept == nil && len(first) > 0 && l.needsProof(s) {
		return l.awaitProof(s, len(first))
	}
	return l.reached(s)
}

// writeFirst writes the first bytes to a node. If the connection is still being made it writes nothing
// and returns stepWait. On loopback the connection is made at once.
func (l *loop) writeFirst(s *session, first []byte) step {
	var err error
	switch {
	case len(first) == 0:
		err = reactor.Connected(s.server.fd)
	case s.server.layers != nil: // the connection was made before the handshake
		err = l.write(&s.server, first)
	default:
		var n int
		if n, err = reactor.Send(s.server.fd, first); err == nil && n == 0 {
			err = reactor.ErrNotConnected
		} else if err == nil && n < len(first) {
			l.keepUnsent(&s.server, first[n:])
		}
	}
	switch err {
	case nil:
		l.winRace(s)
		return s.step
	case reactor.ErrNotConnected:
		s.server.wantsRoom = true // reports when the connection is made
		return stepWait
	}
	if err = l.tryOther(s, l.alertBefore(s, err)); err == nil {
		return stepWait
	}
	l.failAttempt(s, err)
	return stepDial
}

// reached begins the session's time on its node, to which the first bytes were written.
func (l *loop) reached(s *session) step {
	o := s.pending
	s.flow = l.counters.flow(s.listener.Name, o.pool.Name, o.node)
	s.flow.enter(s)
	s.followFirst()
	s.flow.Received += uint64(len(o.bytes))
	if s.listener.Opaque() {
		s.lingered = uint32(s.client.moved - uint64(len(o.bytes))) // the PROXY header: all else that was read is for the node
	}
	l.keepFirst(s)
	s.active, s.deadline, o.givenAt = l.Timers.Now(), l.connackBy(s), l.Now()
	if s.client.unread() {
		s.client.readable = true // frames arrived with the CONNECT
	}
	if s.listener.Opaque() {
		o.node.Observed(true) // there is no CONNACK to wait for
		l.noteAccepted(s)
		l.releasePending(s)
		return stepRelay
	}
	return stepConfirm
}

// firstBytes returns the first bytes for a node: the PROXY header, if its pool sends one and it was
// not sent before the TLS handshake, and the bytes that the client has sent so far. They are valid
// until the scratch buffer is used again.
func (l *loop) firstBytes(s *session) ([]byte, error) {
	o := s.pending
	var header []byte
	if s.server.layers == nil { // otherwise the header was sent before the handshake
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

// upgradeBytes returns the first bytes for a node that speaks WebSocket: PROXY header and upgrade in
// one write, since some nodes read the header with a single recv that times out after a second.
func (l *loop) upgradeBytes(s *session, header []byte) []byte {
	s.pending.ownBytes()
	return s.pending.request.Append(append(l.scratch[:0], header...))
}

// proxyHeader returns the PROXY header for the session's node, in l.header. It is empty if the pool
// sends none.
func (l *loop) proxyHeader(s *session) ([]byte, error) {
	o := s.pending
	if o.pool.SendProxy == 0 {
		return nil, nil
	}
	source, destination := s.source.addrPort(), o.destination
	if !source.IsValid() {
		// A client on a Unix socket has no address: the header names our own connection to the node.
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
		if !own.IsValid() { // a proxy on a Unix socket has named its client
			destination = o.dialled
		}
	}
	header, err := appendProxyHeader(l.header[:0], o.pool.SendProxy, source, destination)
	if err != nil || o.pool.SendProxy != 2 || o.tls == nil && o.Front == nil {
		return header, err
	}
	header, leftOut := withTLVs(header, o.tls, o.Front, o.pool.ForwardTLVs)
	if leftOut &= o.pool.ForwardTLVs; leftOut != 0 {
		l.server.journal.tlvsLeftOut(s.listener, o.pool.Name, o.node, leftOut)
	}
	return header, nil
}
