package proxy

import (
	"io"
	"time"

	"mqttlb/proxy/reactor"
)

// confirm reads the node's CONNACK and forwards it to the client. The log shows its code, and its
// Server Keep Alive replaces the client's [MQTT-3.2.2-21]. A node that does not take the client for
// reasons of its own hands it to the next candidate: see retry.
func (l *loop) confirm(s *session) step {
	if l.pump(s, &s.client, &s.server) { // of a client that does not wait for its CONNACK
		return stepEnded
	}
	for s.server.readable && s.client.kept == nil {
		b, err := l.read(&s.server)
		if err == reactor.ErrAgain {
			return stepWait
		}
		if next := l.answered(s, b, err); next != stepConfirm {
			return next
		}
	}
	return stepWait
}

// answered handles what was read from a node before its CONNACK: bytes, or an error.
func (l *loop) answered(s *session, b []byte, err error) step {
	switch {
	case s.refusedByNode(err):
		return l.dialAgain(s, err)
	case err != nil:
		return l.noAnswer(s, err)
	case s.pending.answer != nil:
		b = append(s.pending.answer, b...)
	}
	return l.forwardAnswer(s, b)
}

// noAnswer handles a node that closed before its answer was whole. If no other node takes the client,
// it gets the part that has arrived.
func (l *loop) noAnswer(s *session, err error) step {
	if next, ok := l.unanswered(s, pick(err == io.EOF, RetryClosed, RetryReset), s.pending.answer); ok {
		return next
	}
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

// clientLeft notes that a client has left before its CONNACK. If its node has been silent for long, that
// is why: of a frozen node most clients give up before timeouts.connack is over.
func (l *loop) clientLeft(s *session) {
	silent := s.server.moved == 0 && reactor.Unread(s.server.fd) == 0
	if o := s.pending; silent && l.Now()-o.givenAt >= int64(l.server.waits.silence) {
		o.node.Observed(false)
	}
}

// forwardAnswer reads and forwards the first bytes of a node, which begin with a packet or a frame.
func (l *loop) forwardAnswer(s *session, b []byte) step {
	answer := l.classifyAnswer(s, b)
	if startsWithAuth(l.answer) {
		s.pending.stopKeeping() // the client replies to this node
	}
	switch answer {
	case answerShort:
		s.pending.answer = append([]byte(nil), b...)
		return stepConfirm
	case answerClose:
		if next, ok := l.unanswered(s, RetryClosed, nil); ok {
			return next
		}
	case answerConnack:
		s.pending.node.Answered(l.connack.Code == 0)
		s.flow.connacked(l.connack.Code, time.Duration(l.Now()-s.begun))
		if nodesOwn(&l.connack) {
			if next, ok := l.retry(s, RetryConnack); ok {
				return next
			}
		}
		s.connack, s.connacked = l.connack.Code, true
		l.noteConnack(s)
		if s.connack == 0 { // a refusal may be the client's fault
			s.pending.accepted()
			l.server.clientIDs.began(s.pending.client, &l.current.clientID, l.Now())
		}
		if l.connack.HasSessionExpiryInterval {
			s.persistent = l.connack.SessionExpiryInterval > 0
		}
		if l.connack.HasServerKeepAlive && s.byKeepAlive {
			s.idle = reactor.Ticks(idleLimit(0, l.connack.ServerKeepAlive))
		}
		if len(l.connack.AssignedClientID) > 0 {
			s.name(l.connack.AssignedClientID, []byte(s.username()), s.tolerated())
			s.assigned = true
		}
		if s.connack == 0 {
			l.takeOver(s)
		}
	case answerAuth:
		s.pending.node.Answered(false)
	case answerOther:
		if !mayBeConnack(l.answer) {
			if next, ok := l.unanswered(s, RetryOther, l.answer); ok {
				return next
			}
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

// classifyAnswer says what the first bytes of a node are. Its packets are then in l.answer. It parses
// a CONNACK into l.connack. Much may follow a CONNACK at once, such as retained messages, and is not searched.
func (l *loop) classifyAnswer(s *session, b []byte) (found answer) {
	most := min(len(b), maxAnswer)
	if s.pending.pool.WebSocket {
		l.answer = nil
		found = connackIn(b[:most], func(packets []byte) answer {
			l.answer = packets
			return readAnswer(packets, &l.connack, s.version)
		})
	} else {
		l.answer = b[:most]
		found = readAnswer(l.answer, &l.connack, s.version)
	}
	if most < len(b) && found != answerConnack {
		return answerOther
	}
	return found
}

// releasePending frees the state that only the opening and the attempts need.
func (l *loop) releasePending(s *session) {
	if s.flow != nil {
		s.flow.Packets[ToNode].Add(&s.pending.packets)
	}
	l.endOpening(s.pending)
	s.pending.abortOthers(l)
	s.pending.held.end()
	s.pending.leaveLoopGuard()
	*s.pending = pending{attempt: attempt{buffer: s.pending.reusable()}}
	if len(l.openings) < openingsKept {
		l.openings = append(l.openings, s.pending)
	}
	s.pending = nil
	if !s.client.ended && !s.server.ended {
		s.deadline = 0
	}
}
