package proxy

import "mqttlb/proxy/reactor"

// confirm reads the node's CONNACK on its way to the client: the log names its
// code, and a Server Keep Alive in it replaces the client's [MQTT-3.2.2-21].
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

// noAnswer is the step after a node that has ended before its answer was whole: the client gets what there is of it.
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

// forwardAnswer takes the first bytes of a node, from a packet's or a frame's beginning.
func (l *loop) forwardAnswer(s *session, b []byte) step {
	answer := l.classifyAnswer(s, b)
	if answer == answerShort {
		s.pending.answer = append([]byte(nil), b...)
		return stepConfirm
	}
	if answer == answerConnack {
		s.connack, s.connacked = l.connack.Code, true
		if l.connack.HasServerKeepAlive && s.byKeepAlive {
			s.idle = reactor.Ticks(idleLimit(0, l.connack.ServerKeepAlive))
		}
		if len(l.connack.AssignedClientID) > 0 {
			s.id = logged(l.connack.AssignedClientID)
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

// classifyAnswer is what a node's first bytes are, the CONNACK in l.connack.
func (l *loop) classifyAnswer(s *session, b []byte) answer {
	if len(b) > maxAnswer {
		return answerOther
	}
	if s.pending.pool.WebSocket {
		return connackIn(b, func(packet []byte) answer { return readAnswer(packet, &l.connack, s.version) })
	}
	return readAnswer(b, &l.connack, s.version)
}

// releasePending frees what only the opening needed.
func (l *loop) releasePending(s *session) {
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
