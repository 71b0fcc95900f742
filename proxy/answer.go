package proxy

import (
	"time"

	"mqttlb/proxy/reactor"
)

// confirm reads the node's CONNACK and forwards it to the client. The log shows its code, and its
// Server Keep Alive replaces the client's [MQTT-3.2.2-21].
func (l *loop) confirm(s *session) step {
	if l.pump(s, &s.client, &s.server) {
		return stepEnded
	}
	for s.server.readable && s.client.kept == nil {
		b, err := l.read(&s.server)
		switch {
		case err == reactor.ErrAgain:
			return stepWait
		case s.refusedByNode(err):
			return l.dialAgain(s, err)
		case err != nil:
			return l.noAnswer(s, err)
		}
		if s.pending.answer != nil {
			b = append(s.pending.answer, b...)
		}
		if next := l.forwardAnswer(s, b); next != stepConfirm {
			return next
		}
	}
	return stepWait
}

// noAnswer handles a node that closed before its answer was whole. The client gets the part that has
// arrived.
func (l *loop) noAnswer(s *session, err error) step {
	answer := s.pending.answer
	s.flow.Sent += uint64(len(answer))
	l.releasePending(s)
	if l.forward(s, &s.client, answer) != nil {
		l.outputBroke(s, &s.client)
		return stepEnded
	}
	if l.inputEnded(s, &s.server, &s.client, err) {
		return stepEnded
	}
	return stepRelay
}

// forwardAnswer reads and forwards the first bytes of a node, which begin with a packet or a frame.
func (l *loop) forwardAnswer(s *session, b []byte) step {
	answer := l.classifyAnswer(s, b)
	if answer == answerShort {
		s.pending.answer = append([]byte(nil), b...)
		return stepConfirm
	}
	if answer == answerConnack {
		s.connack, s.connacked = l.connack.Code, true
		s.flow.connacked(s.connack, time.Duration(l.Now()-s.begun))
		if l.connack.HasSessionExpiryInterval {
			s.persistent = l.connack.SessionExpiryInterval > 0
		}
		if l.connack.HasServerKeepAlive && s.byKeepAlive {
			s.idle = reactor.Ticks(idleLimit(0, l.connack.ServerKeepAlive))
		}
		if len(l.connack.AssignedClientID) > 0 {
			s.name(l.connack.AssignedClientID, []byte(s.username()))
			s.assigned = true
		}
	}
	s.pending.answer = nil
	s.flow.Sent += uint64(len(b))
	if l.forward(s, &s.client, b) != nil {
		l.outputBroke(s, &s.client)
		return stepEnded
	}
	if answer == answerAuth {
		return stepConfirm
	}
	l.releasePending(s)
	return stepRelay
}

// classifyAnswer says what the first bytes of a node are. It parses a CONNACK into l.connack.
func (l *loop) classifyAnswer(s *session, b []byte) answer {
	if len(b) > maxAnswer {
		return answerOther
	}
	if s.pending.pool.WebSocket {
		return connackIn(b, func(packet []byte) answer { return readAnswer(packet, &l.connack, s.version) })
	}
	return readAnswer(b, &l.connack, s.version)
}

// releasePending frees the state that only the opening and the attempts need.
func (l *loop) releasePending(s *session) {
	if s.flow != nil {
		s.flow.Packets[ToNode].Add(&s.pending.packets)
	}
	l.endOpening(s.pending)
	*s.pending = pending{}
	if len(l.openings) < openingsKept {
		l.openings = append(l.openings, s.pending)
	}
	s.pending = nil
	if !s.client.ended && !s.server.ended {
		s.deadline = 0
	}
}
