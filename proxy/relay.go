package proxy

import (
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/websocket"
)

// confirm reads the node's CONNACK on its way to the client: the log names its
// code, and a Server Keep Alive in it replaces the client's [MQTT-3.2.2-21].
func (l *loop) confirm(s *session) step {
	if l.pump(s, &s.client, &s.server) {
		return stepEnded
	}
	for s.server.ready && s.client.held == nil {
		n, err := l.receive(&s.server, l.scratch)
		if err == reactor.ErrAgain {
			s.server.ready = false
			return stepWait
		}
		if s.turnedAway(err) {
			return l.dialAgain(s, err)
		}
		if n == 0 {
			answer := s.opening.answer
			s.server.moved += uint64(len(answer))
			s.flow.Sent += uint64(len(answer))
			l.opened(s)
			if len(answer) > 0 && l.deliverAnswer(s, answer) || l.inputEnded(s, &s.server, &s.client, err) {
				return stepEnded
			}
			return stepRelay
		}
		s.server.ready = n == len(l.scratch) || s.server.drain
		b := l.scratch[:n]
		if s.opening.answer != nil {
			b = append(s.opening.answer, b...)
		}
		if next := l.heard(s, b); next != stepConfirm {
			return next
		}
	}
	return stepWait
}

// heard takes the first bytes of a node, from a packet's or a frame's beginning.
func (l *loop) heard(s *session, b []byte) step {
	answer := l.answer(s, b)
	if answer == answerShort {
		s.opening.answer = append([]byte(nil), b...)
		return stepConfirm
	}
	if answer == answerConnack {
		s.connack = l.connack.Code
		if l.connack.HasServerKeepAlive && s.byKeepAlive {
			s.idle = reactor.Ticks(idleLimit(0, l.connack.ServerKeepAlive))
		}
		if len(l.connack.AssignedClientID) > 0 {
			s.id = logged(l.connack.AssignedClientID)
		}
	}
	s.opening.answer = nil
	s.server.moved += uint64(len(b))
	s.flow.Sent += uint64(len(b))
	if l.deliverAnswer(s, b) {
		return stepEnded
	}
	if answer == answerAuth {
		return stepConfirm
	}
	l.opened(s)
	return stepRelay
}

// answer is what a node's first bytes are, the CONNACK in l.connack.
func (l *loop) answer(s *session, b []byte) answer {
	if len(b) > maxAnswer {
		return answerOther
	}
	if s.opening.pool.WebSocket {
		return connackIn(b, func(packet []byte) answer { return confirm(packet, &l.connack, s.version) })
	}
	return confirm(b, &l.connack, s.version)
}

// deliverAnswer delivers a node's first bytes, in a frame where the node speaks none
// and the client does.
func (l *loop) deliverAnswer(s *session, b []byte) (ended bool) {
	if s.frames != nil {
		if s.frames.closed {
			return false // nothing follows a close frame
		}
		b = appendFrame(nil, websocket.Binary, b)
	}
	return l.deliver(s, &s.client, b)
}

// opened frees what only the opening needed.
func (l *loop) opened(s *session) {
	*s.opening = pending{}
	if len(l.openings) < openingsKept {
		l.openings = append(l.openings, s.opening)
	}
	s.opening = nil
	if !s.client.ended && !s.server.ended {
		s.deadline = 0
	}
}

// relay moves bytes both ways.
func (l *loop) relay(s *session) step {
	if l.pump(s, &s.client, &s.server) || l.pump(s, &s.server, &s.client) {
		return stepEnded
	}
	return stepWait
}

// pump moves bytes from one half to the other: until there are no more, until
// the other takes no more, or for a turn. It reports whether the session has
// ended.
func (l *loop) pump(s *session, from, to *half) (ended bool) {
	for turn := 0; from.ready && to.held == nil && !from.ended; turn++ {
		if turn == readsPerTurn {
			l.rearm(s, from)
			return false
		}
		inbox := l.scratch
		if s.frames != nil {
			inbox = l.inbox(s, from)
		}
		n, err := l.receive(from, inbox)
		if n == 0 {
			if err == reactor.ErrAgain {
				from.ready = false
				return false
			}
			return l.inputEnded(s, from, to, err)
		}
		// A short read has emptied the socket, and what comes later is reported
		// anew; an end that was reported already is not.
		from.ready = n == len(inbox) || from.drain
		from.moved += uint64(n)
		if from == &s.client {
			s.flow.Received += uint64(n)
			s.active = l.Timers.Now()
		} else {
			s.flow.Sent += uint64(n)
			if !s.byKeepAlive {
				s.active = l.Timers.Now()
			}
		}
		if to.ended {
			s.deadline = l.In(l.server.snapshot.Timeouts.HalfClosed) // the half that is open is in use
		}
		if s.frames != nil {
			if l.translate(s, from, to, n) {
				return true
			}
		} else if l.deliver(s, to, inbox[:n]) {
			return true
		}
	}
	if from.broken {
		l.limitBroken(s, from) // epoll had said so before the other was full
	}
	return false
}

// deliver writes b to a half that holds nothing, and what it does not take is
// held. It reports whether the session has ended.
func (l *loop) deliver(s *session, to *half, b []byte) (ended bool) {
	n, err := l.send(to, b)
	if err != nil {
		return l.outputBroke(s, to)
	}
	if n < len(b) {
		to.hold(b[n:])
	}
	return false
}

// flush writes what is held for a half that has room again. It reports whether
// the session has ended.
func (l *loop) flush(s *session, to *half) (ended bool) {
	n, err := reactor.Send(to.fd, *to.held)
	if err != nil {
		return l.outputBroke(s, to)
	}
	if n > 0 && !s.byKeepAlive {
		s.active = l.Timers.Now()
	}
	if n < len(*to.held) {
		*to.held = (*to.held)[n:]
		return false
	}
	to.held = nil
	if from := s.other(to); from.ended {
		return l.endOutput(s, to)
	}
	return to == &s.server && l.catchUp(s)
}

// inputEnded handles the end of a half's stream, or the error that broke it.
// An end travels: the other half's stream is ended, and the session ends when
// both have, or after timeouts.half_closed.
func (l *loop) inputEnded(s *session, from, to *half, err error) (ended bool) {
	client := from == &s.client
	if err != nil {
		// The other side learns that the connection broke, not that it ended.
		reactor.Abort(to.fd)
		l.finish(s, s.firstOutcome(pick(client, ClientReset, ServerReset)))
		return true
	}
	from.ended = true
	s.outcome = s.firstOutcome(pick(client, ClientClosed, ServerClosed))
	s.deadline = l.In(l.server.snapshot.Timeouts.HalfClosed)
	if to.held != nil {
		return false // flush goes on from here
	}
	return l.endOutput(s, to)
}

// endOutput ends our stream to a half, and the session if nothing is left to
// come either.
func (l *loop) endOutput(s *session, to *half) (ended bool) {
	if to == &s.client {
		l.closeFrames(s, websocket.Normal)
	}
	l.closeNotify(to)
	if to.held != nil {
		return false // flush comes back here
	}
	if to.ended {
		l.finish(s, s.outcome)
		return true
	}
	reactor.CloseWrite(to.fd)
	return false
}

// outputBroke handles a half that takes no more bytes because it is gone. What
// it sent last, such as a DISCONNECT that says why, still reaches the other. It
// reports true: the caller has nothing left to do for the session.
func (l *loop) outputBroke(s *session, gone *half) (ended bool) {
	if s.flow == nil { // it is the client: a node has been sent nothing yet that it could not take
		l.finish(s, s.firstOutcome(ClientGone))
		return true
	}
	client, other := gone == &s.client, s.other(gone)
	for range readsPerTurn {
		inbox := l.inbox(s, gone)
		n, err := l.receive(gone, inbox)
		if !client && s.turnedAway(err) {
			l.resume(s, l.dialAgain(s, err))
			return true
		}
		if n == 0 || other.held != nil {
			break
		}
		gone.moved += uint64(n)
		b := inbox[:n]
		if s.frames != nil {
			b = l.carried(s, gone, n).bytes
		}
		if w, err := l.send(other, b); err != nil || w < len(b) {
			break
		}
	}
	if !client {
		if other.held == nil {
			l.closeFrames(s, websocket.Normal)
		}
		reactor.CloseWrite(other.fd)
	}
	l.finish(s, s.firstOutcome(pick(client, ClientReset, ServerReset)))
	return true
}

// other is the half opposite h.
func (s *session) other(h *half) *half {
	if h == &s.client {
		return &s.server
	}
	return &s.client
}

// firstOutcome is what ended the session first: o, if nothing did before.
func (s *session) firstOutcome(o Outcome) Outcome {
	if s.outcome != outcomeNone {
		return s.outcome
	}
	return o
}
