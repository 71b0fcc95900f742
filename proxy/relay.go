package proxy

import (
	"errors"
	"io"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/websocket"
)

// relay moves bytes in both directions.
func (l *loop) relay(s *session) step {
	if l.pump(s, &s.client, &s.server) || l.pump(s, &s.server, &s.client) {
		return stepEnded
	}
	return stepWait
}

// pump moves bytes from one stream to the other: until there are no more, the other has a backlog, or
// the turn is over. It reports whether the session has ended.
func (l *loop) pump(s *session, from, to *stream) (ended bool) {
	for turn := 0; from.readable && to.kept == nil && !from.ended; turn++ {
		if turn == readsPerTurn {
			l.rearm(s, from)
			return false
		}
		before := from.moved
		b, err := l.read(from)
		if n := from.moved - before; n > 0 { // also for a close frame
			l.countMoved(s, from, to, n)
		}
		if err == reactor.ErrAgain {
			return false
		}
		if err != nil {
			return l.inputEnded(s, from, to, err)
		}
		if err := l.forward(s, to, b); err != nil {
			return l.outputBroke(s, to)
		}
	}
	if from.broken {
		l.limitBroken(s, from) // the event had come before the other stream had a backlog
	}
	return false
}

// forward writes b, read from the other stream, to a stream. Bytes for a node that has not answered the
// CONNECT are kept, too, and their packets are counted in the flow of the node that accepts the client.
func (l *loop) forward(s *session, to *stream, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	direction := pick(to == &s.client, ToClient, ToNode)
	packets := &s.flow.Packets[direction]
	if s.pending != nil && direction == ToNode {
		l.keepEarly(s, b) // before write, which may change b
		packets = &s.pending.packets
	}
	if err := l.write(to, b); err != nil {
		return err
	}
	if s.version != 0 { // the listener reads MQTT
		s.follow(direction, b, packets)
	}
	return nil
}

// countMoved counts n bytes read from a stream.
func (l *loop) countMoved(s *session, from, to *stream, n uint64) {
	if from == &s.client {
		s.flow.Received += n
		s.active = l.Timers.Now()
	} else {
		s.flow.Sent += n
		s.answered = l.Timers.Now()
		if !s.byKeepAlive {
			s.active = l.Timers.Now()
		}
	}
	if to.ended {
		s.deadline = l.In(l.current.Timeouts.HalfClosed) // the open direction is in use
	}
}

// flushAndResume sends the backlog of a stream that has room again. It reports whether the session has
// ended.
func (l *loop) flushAndResume(s *session, to *stream) (ended bool) {
	taken, err := l.flush(to)
	if err != nil {
		return l.outputBroke(s, to)
	}
	if taken > 0 && !s.byKeepAlive {
		s.active = l.Timers.Now()
	}
	if to.kept != nil || s.step == stepLeave || s.step == stepLinger {
		return false
	}
	return s.other(to).ended && l.endOutput(s, to)
}

// inputEnded handles the end of a stream, or the error that broke it. It passes an end on to the other
// stream. The session ends when both streams have ended, or after timeouts.half_closed.
func (l *loop) inputEnded(s *session, from, to *stream, err error) (ended bool) {
	if from == &s.client && s.step == stepConfirm {
		l.clientLeft(s)
	}
	_, frames := errors.AsType[*websocket.Error](err)
	switch {
	case err == errUnreadPongs:
		l.finish(s, s.firstOutcome(outcome.FrameError))
		return true
	case frames:
		s.outcome = s.firstOutcome(outcome.FrameError)
	case err != io.EOF:
		l.inputBroke(s, from, to)
		return true
	}
	s.outcome = s.endedBy(from, outcome.ClientClosed, outcome.ServerClosed)
	from.ended = true
	s.deadline = l.In(l.current.Timeouts.HalfClosed)
	return l.endOutput(s, to)
}

// inputBroke ends a session one of whose streams has broken. The other side learns that the connection broke, not
// that it ended, unless a client has its node's last word: a reset could destroy it.
func (l *loop) inputBroke(s *session, from, to *stream) {
	o := s.endedBy(from, outcome.ClientReset, outcome.ServerReset)
	switch {
	case to == &s.client && s.nodeSaidGoodbye():
		_ = l.end(to, nil, s.normalClose())
		l.lingerLast(s, o)
	case to == &s.server && from.fault() != nil: // our alert is on its way
		reactor.Abort(to.fd)
		l.lingerLast(s, o)
	default:
		reactor.Abort(to.fd)
		l.finish(s, o)
	}
}

// nodeSaidGoodbye reports whether the last packet that the client has got of its node ends the session: a
// DISCONNECT, or a CONNACK that refuses the client.
func (s *session) nodeSaidGoodbye() bool {
	_, disconnected := s.nodeDisconnect()
	return disconnected || s.connacked && s.connack != 0
}

// endOutput ends our direction of a stream because the other stream has ended. It ends the session if
// the peer has ended, too, and the client has got what is kept for it.
func (l *loop) endOutput(s *session, to *stream) (ended bool) {
	_ = l.end(to, nil, s.normalClose()) // if the peer is gone, the next read returns the error
	if !to.over() || s.client.kept != nil {
		return false
	}
	if s.client.layers == nil {
		l.finish(s, s.outcome)
	} else {
		l.lingerLast(s, s.outcome)
	}
	return true
}

// outputBroke handles a stream that takes no more bytes because its peer is gone. The last bytes of
// that peer, such as a DISCONNECT with the reason, are still forwarded. It returns true: the caller
// must not touch the session again.
func (l *loop) outputBroke(s *session, gone *stream) (ended bool) {
	client, other := gone == &s.client, s.other(gone)
	switch {
	case (s.step == stepLeave || s.step == stepLinger) && !client:
		// The node gets no more bytes, but the client still gets its goodbye.
		l.dropKept(gone)
		gone.output = outputEnded
		gone.readable, gone.readToEnd = true, true
		l.resume(s, s.step)
		return true
	case s.step == stepLeave, s.step == stepLinger:
		l.finish(s, s.outcome)
		return true
	case s.flow == nil && client:
		l.finish(s, s.firstOutcome(outcome.ClientGone))
		return true
	case s.flow == nil: // the node was asked for an upgrade
		l.failAttempt(s, l.alertBefore(s, errUpgradeReset))
		l.resume(s, stepDial)
		return true
	}
	if !client && s.pending != nil {
		if next := l.lastAnswer(s); next != stepRelay {
			l.resume(s, next)
			return true
		}
	}
	for range readsPerTurn {
		b, err := l.read(gone)
		if err != nil || other.kept != nil || l.forward(s, other, b) != nil {
			break
		}
	}
	o := s.endedBy(gone, outcome.ClientReset, outcome.ServerReset)
	if client || other.broken {
		l.finish(s, o)
		return true
	}
	_ = l.end(other, nil, s.normalClose())
	l.lingerLast(s, o)
	return true
}

// endedBy returns the outcome of a session one of whose streams has ended, or broken: that of the client
// or of the server, if none was decided before. A client that has sent its DISCONNECT has ended the
// session, whoever closes first then. A node to which the DISCONNECT is still to be sent has not got it.
func (s *session) endedBy(h *stream, client, server outcome.Outcome) outcome.Outcome {
	ofClient := h == &s.client
	if s.clientDisconnected() && (ofClient || s.server.kept == nil) {
		return s.firstOutcome(outcome.ClientDisconnected)
	}
	return s.firstOutcome(pick(ofClient, client, server))
}

// normalClose returns the code of the close frame that passes an end on, or 0 if frames pass unchanged
// and none is added.
func (s *session) normalClose() websocket.CloseCode {
	if s.frames != nil {
		return 0
	}
	return websocket.Normal
}

// other returns the stream opposite h.
func (s *session) other(h *stream) *stream {
	if h == &s.client {
		return &s.server
	}
	return &s.client
}

// firstOutcome returns the outcome that was decided before, or o if none was.
func (s *session) firstOutcome(o outcome.Outcome) outcome.Outcome {
	if s.outcome != outcome.None {
		return s.outcome
	}
	return o
}
