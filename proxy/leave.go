package proxy

import (
	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/websocket"
)

// Leaving is how a session ends when we end it. First the client gets the rest of the packet that the
// node has begun. Then we say goodbye in every layer that the client and the node speak. Then the
// session lingers and throws away what they still send: closing at once could reset the connection,
// and the goodbye would be lost.

// goodbye is what a client is told when we end its session.
type goodbye struct {
	disconnect mqttparse.ReasonCode // in MQTT 5 after the CONNACK; 0: nothing
	connack    mqttparse.ReasonCode // before the CONNACK; 0: nothing
	close      websocket.CloseCode
}

// goodbyes are those of the outcomes with which we end a session.
var goodbyes = [outcome.Count]goodbye{
	outcome.IdleTimeout:       {mqttparse.KeepAliveTimeout, 0, websocket.GoingAway},
	outcome.ConnackTimeout:    {0, mqttparse.ServerUnavailable, websocket.TryAgainLater},
	outcome.HalfClosedTimeout: {0, 0, websocket.GoingAway},
	// For the client of a stuck node; a stuck client does not read it. MQTT 5 has no 0x88 in a
	// DISCONNECT (3.14.2.1); 0x89 is "busy and cannot continue processing requests from this Client".
	outcome.WriteTimeout: {mqttparse.ServerBusy, mqttparse.ServerBusy, websocket.TryAgainLater},
	outcome.Shutdown:     {mqttparse.ServerShuttingDown, mqttparse.ServerUnavailable, websocket.GoingAway},
	outcome.Kicked:       {mqttparse.AdministrativeAction, mqttparse.ServerUnavailable, websocket.PolicyViolation},
	outcome.Drained:      {mqttparse.UseAnotherServer, mqttparse.UseAnotherServer, websocket.ServiceRestart},
	outcome.NodeDown:     {mqttparse.UseAnotherServer, mqttparse.UseAnotherServer, websocket.ServiceRestart},
	// Not 0x9D, Server moved: a client that takes it literally never comes back to this address (MQTT 5, 4.11).
	outcome.Moved: {mqttparse.UseAnotherServer, mqttparse.UseAnotherServer, websocket.ServiceRestart},
	// Before the CONNACK a session owns no identifier.
	outcome.TakenOver: {mqttparse.SessionTakenOver, 0, websocket.PolicyViolation},
	// The client must not come back with this certificate.
	outcome.CertificateRevoked: {mqttparse.NotAuthorized, mqttparse.NotAuthorized, websocket.PolicyViolation},
}

// goodbye returns what the session's client is told at this outcome.
func (s *session) goodbye(o outcome.Outcome) goodbye {
	g := goodbyes[o]
	if s.code != 0 {
		g.disconnect = s.code
		if s.code.InConnack(s.version) {
			g.connack = s.code
		}
	}
	return g
}

// leave begins to end a session with this outcome. The caller goes on with the step that it returns.
func (l *loop) leave(s *session, o outcome.Outcome) step {
	l.touch(s, s.slot)
	if s.flow == nil {
		return l.leaveOpening(s, o)
	}
	s.outcome = o
	s.deadline = l.In(l.server.waits.boundary)
	return stepLeave
}

// leaveOpening is leave for a session without a node: it refuses the client.
func (l *loop) leaveOpening(s *session, o outcome.Outcome) step {
	if s.pending.borrower.ofClient() {
		return l.finish(s, o) // a handshake or net/http has the connection
	}
	l.dropAttempt(s)
	g := s.goodbye(o)
	return l.refuse(s, opening.Refusal{Outcome: o, Code: g.connack, Close: g.close})
}

// leaveAtBoundary forwards the rest of the packet that the node has begun, and then says goodbye.
func (l *loop) leaveAtBoundary(s *session) step {
	if s.client.broken {
		return l.finish(s, s.outcome)
	}
	for !s.atBoundary() {
		if !s.server.readable || s.client.kept != nil {
			return stepWait // expire goes on when the time is over
		}
		b, err := l.read(&s.server)
		if err == reactor.ErrAgain {
			return stepWait
		}
		if err != nil {
			break // the rest will not come
		}
		n := s.untilBoundary(b)
		s.flow.Sent += uint64(n)
		if l.forward(s, &s.client, b[:n]) != nil {
			return l.finish(s, s.outcome)
		}
	}
	return l.sayGoodbye(s)
}

// sayGoodbye ends both streams with their goodbyes.
func (l *loop) sayGoodbye(s *session) step {
	g := s.goodbye(s.outcome)
	var packet []byte
	switch {
	case s.listener.Opaque():
	case s.pending != nil: // the node's answer is not whole
		s.server.moved -= uint64(len(s.pending.answer)) // the client does not get them
		if g.connack != 0 {
			packet = mqttparse.AppendRefusal(l.refusal[:0], s.version, g.connack)
		}
	case s.version == mqttparse.V5 && s.connacked && s.connack == 0 && s.atBoundary() && g.disconnect != 0:
		packet = mqttparse.AppendDisconnect(l.refusal[:0], g.disconnect)
	}
	if s.frames != nil {
		packet = s.goodbyeFrames(packet, g.close)
	}
	if err := l.end(&s.client, packet, g.close); err != nil {
		return l.finish(s, s.outcome)
	}
	_ = l.end(&s.server, nil, 0) // without a close frame: frames to a node are not tracked, so there may be one that has begun
	return l.beginLinger(s)
}

// beginLinger begins to linger, with nothing left to say.
func (l *loop) beginLinger(s *session) step {
	s.client.readable, s.server.readable = true, true // bytes may have arrived unnoticed
	s.deadline = l.In(l.server.waits.linger)
	return stepLinger
}

// lingerLast lingers for the client of a session in which all has been said: its node is gone, or both have
// ended. The end of a client in a close frame, in TLS or in a frame that breaks the rules is no FIN, and more
// may follow. The caller must not touch the session again.
func (l *loop) lingerLast(s *session, o outcome.Outcome) {
	s.outcome = o
	s.client.ended = false // until FIN is read
	s.client.output = max(s.client.output, outputEnding)
	s.client.closeOutput()
	s.server.ended, s.server.output = true, outputEnded
	l.resume(s, l.beginLinger(s))
}

// linger throws away the bytes that still come from a client after its refusal or goodbye, and from
// its node, until both have closed.
func (l *loop) linger(s *session) step {
	for _, h := range []*stream{&s.client, &s.server} {
		for h.fd >= 0 && h.readable && !h.ended {
			n, err := reactor.Receive(h.fd, l.scratch)
			if err == reactor.ErrAgain {
				h.readable = false
				break
			}
			h.ended = n == 0                            // or err is not nil
			if h.layers == nil || h.layers.tls == nil { // moved does not count ciphertext
				h.moved += uint64(n)
			}
			s.lingered += uint32(n)
			if s.lingered > lingerBytes {
				return l.finish(s, s.outcome)
			}
		}
	}
	if s.client.broken || s.client.over() && s.server.over() {
		return l.finish(s, s.outcome)
	}
	return stepWait
}

// abortUndelivered makes the kernel drop the bytes that a node which is down has not taken. The kernel
// of a frozen node answers its probes, so it could keep them for ever.
func (s *session) abortUndelivered() {
	h := &s.server
	if s.outcome == outcome.NodeDown && h.fd >= 0 && !h.ended && (h.kept != nil || reactor.Unacknowledged(h.fd) > 0) {
		reactor.Abort(h.fd)
	}
}
