package proxy

import (
	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/websocket"
)

// Leaving is how a session ends for a reason of ours. It waits until the client has the whole of the packet that the node
// has begun, says goodbye in every layer that the client and the node speak, and stays for a while to throw away what
// they still send: closing at once could reset the connection, and the goodbye would be lost.

// goodbye is what a client is told at such an end.
type goodbye struct {
	disconnect mqttparse.ReasonCode // MQTT 5, after its CONNACK; 0: nothing
	connack    mqttparse.ReasonCode // before; 0: nothing
	close      websocket.CloseCode
}

// goodbyes are those of the outcomes that are ours.
var goodbyes = [outcome.Count]goodbye{
	outcome.IdleTimeout:       {mqttparse.KeepAliveTimeout, 0, websocket.GoingAway},
	outcome.ConnackTimeout:    {0, mqttparse.ServerUnavailable, websocket.TryAgainLater},
	outcome.HalfClosedTimeout: {0, 0, websocket.GoingAway},
	// For a client whose node is stuck; a stuck client does not read it. MQTT 5 has no 0x88 in a DISCONNECT (3.14.2.1);
	// 0x89 is "busy and cannot continue processing requests from this Client".
	outcome.WriteTimeout: {mqttparse.ServerBusy, mqttparse.ServerBusy, websocket.TryAgainLater},
	outcome.Shutdown:     {mqttparse.ServerShuttingDown, mqttparse.ServerUnavailable, websocket.GoingAway},
	outcome.Kicked:       {mqttparse.AdministrativeAction, mqttparse.ServerUnavailable, websocket.PolicyViolation},
	outcome.Drained:      {mqttparse.UseAnotherServer, mqttparse.UseAnotherServer, websocket.ServiceRestart},
	outcome.Moved:        {mqttparse.ServerMoved, mqttparse.ServerMoved, websocket.ServiceRestart},
}

// leave begins the end of a session with an outcome of ours. The caller goes on with the step that it returns.
func (l *loop) leave(s *session, o outcome.Outcome) step {
	if s.flow == nil {
		return l.leaveOpening(s, o)
	}
	s.outcome = o
	s.deadline = l.In(l.server.waits.boundary)
	return stepLeave
}

// leaveOpening is leave for a session that no node has: its client is refused.
func (l *loop) leaveOpening(s *session, o outcome.Outcome) step {
	if s.pending.borrower.ofClient() {
		return l.finish(s, o) // a handshake or net/http has the connection
	}
	l.dropAttempt(s)
	return l.refuse(s, opening.Refusal{Outcome: o, Code: goodbyes[o].connack, Close: goodbyes[o].close})
}

// leaveAtBoundary passes the rest of the packet on that the node has begun, and then says goodbye.
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
			break // the rest does not come
		}
		n := s.untilBoundary(b)
		s.flow.Sent += uint64(n)
		if l.forward(s, &s.client, b[:n]) != nil {
			return l.finish(s, s.outcome)
		}
	}
	return l.sayGoodbye(s)
}

// sayGoodbye ends both streams.
func (l *loop) sayGoodbye(s *session) step {
	g := goodbyes[s.outcome]
	var packet []byte
	switch {
	case s.listener.Opaque():
	case s.pending != nil: // the node's answer has not come
		s.server.moved -= uint64(len(s.pending.answer)) // the client does not get it
		if g.connack != 0 {
			packet = mqttparse.AppendRefusal(l.refusal[:0], s.version, g.connack)
		}
	case s.version == mqttparse.V5 && s.connacked && s.connack == 0 && s.atBoundary() && g.disconnect != 0:
		packet = mqttparse.AppendDisconnect(l.refusal[:0], g.disconnect)
	}
	if s.framesPass {
		packet = s.goodbyeFrames(packet, g.close)
	}
	if err := l.end(&s.client, packet, g.close); err != nil {
		return l.finish(s, s.outcome)
	}
	_ = l.end(&s.server, nil, 0) // frames to a node are not followed: no close frame can be put between two
	return l.beginLinger(s)
}

// beginLinger is the step of a session that has nothing more to say.
func (l *loop) beginLinger(s *session) step {
	s.lingered = 0
	s.client.readable, s.server.readable = true, true // what was not asked for yet
	s.deadline = l.In(l.server.waits.linger)
	return stepLinger
}

// linger throws away what is still sent by a client that was refused or told goodbye, and by its node, until they have
// closed too.
func (l *loop) linger(s *session) step {
	for _, h := range []*stream{&s.client, &s.server} {
		for h.fd >= 0 && h.readable && !h.ended {
			n, err := reactor.Receive(h.fd, l.scratch)
			if err == reactor.ErrAgain {
				h.readable = false
				break
			}
			h.ended = n == 0                            // or err is not nil
			if h.layers == nil || h.layers.tls == nil { // else it is not what moved counts
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
