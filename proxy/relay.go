package proxy

import (
	"errors"
	"io"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/websocket"
)

// relay moves bytes both ways.
func (l *loop) relay(s *session) step {
	if l.pump(s, &s.client, &s.server) || l.pump(s, &s.server, &s.client) {
		return stepEnded
	}
	return stepWait
}

// pump moves bytes from one stream to the other: until there are no more, until the other keeps some, or for a turn. It
// reports whether the session has ended.
func (l *loop) pump(s *session, from, to *stream) (ended bool) {
	for turn := 0; from.readable && to.kept == nil && !from.ended; turn++ {
		if turn == readsPerTurn {
			l.rearm(s, from)
			return false
		}
		before := from.moved
		b, err := l.read(from)
		if n := from.moved - before; n > 0 { // a close frame, too
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
		l.limitBroken(s, from) // its event had come before the other stream was full
	}
	return false
}

// forward writes b, which came from the other stream, to a stream.
func (l *loop) forward(s *session, to *stream, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if to == &s.client {
		s.follow(b)
	}
	return l.write(to, b)
}

// countMoved counts n bytes that have come from a stream.
func (l *loop) countMoved(s *session, from, to *stream, n uint64) {
	if from == &s.client {
		s.flow.Received += n
		s.active = l.Timers.Now()
	} else {
		s.flow.Sent += n
		if !s.byKeepAlive {
			s.active = l.Timers.Now()
		}
	}
	if to.ended {
		s.deadline = l.In(l.current.Timeouts.HalfClosed) // the direction that is open is in use
	}
}

// flushAndResume goes on with a session one of whose streams has room again. It reports whether the session has ended.
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

// inputEnded handles the end of a stream, or the error that broke it. An end travels: the other stream is ended, and the
// session ends when both have, or after timeouts.half_closed.
func (l *loop) inputEnded(s *session, from, to *stream, err error) (ended bool) {
	client := from == &s.client
	_, frames := errors.AsType[*websocket.Error](err)
	switch {
	case err == errUnreadPongs:
		l.finish(s, s.firstOutcome(outcome.FrameError))
		return true
	case frames:
		s.outcome = s.firstOutcome(outcome.FrameError)
	case err != io.EOF:
		// The other side learns that the connection broke, not that it ended.
		reactor.Abort(to.fd)
		l.finish(s, s.firstOutcome(pick(client, outcome.ClientReset, outcome.ServerReset)))
		return true
	}
	from.ended = true
	s.outcome = s.firstOutcome(pick(client, outcome.ClientClosed, outcome.ServerClosed))
	s.deadline = l.In(l.current.Timeouts.HalfClosed)
	return l.endOutput(s, to)
}

// endOutput ends our direction of a stream because the other one has ended, and with it the session if nothing is left to
// come either.
func (l *loop) endOutput(s *session, to *stream) (ended bool) {
	_ = l.end(to, nil, s.normalClose()) // a peer that is gone is found out by the next read
	if to.ended && to.output == outputEnded {
		l.finish(s, s.outcome)
		return true
	}
	return false
}

// outputBroke handles a stream that takes no more bytes because its peer is gone. What that sent last, such as a
// DISCONNECT that says why, still reaches the other. It reports true: the caller has nothing left to do for the session.
func (l *loop) outputBroke(s *session, gone *stream) (ended bool) {
	client, other := gone == &s.client, s.other(gone)
	switch {
	case (s.step == stepLeave || s.step == stepLinger) && !client:
		// The node gets nothing more, and the client still gets its goodbye.
		gone.kept, gone.output = nil, outputEnded
		gone.readable, gone.readToEnd = true, true
		l.resume(s, s.step)
		return true
	case s.step == stepLeave, s.step == stepLinger:
		l.finish(s, s.outcome)
		return true
	case s.flow == nil && client:
		l.finish(s, s.firstOutcome(outcome.ClientGone))
		return true
	case s.flow == nil: // a node that was asked for an upgrade
		l.failAttempt(s, l.alertBefore(s, errUpgradeReset))
		l.resume(s, stepDial)
		return true
	}
	for range readsPerTurn {
		b, err := l.read(gone)
		if !client && s.refusedByNode(err) {
			l.resume(s, l.dialAgain(s, err))
			return true
		}
		if err != nil || other.kept != nil || l.forward(s, other, b) != nil {
			break
		}
	}
	if !client {
		_ = l.end(other, nil, s.normalClose())
	}
	l.finish(s, s.firstOutcome(pick(client, outcome.ClientReset, outcome.ServerReset)))
	return true
}

// normalClose is the code of the close frame with which an end is passed on; 0, none, where frames pass as they are.
func (s *session) normalClose() websocket.CloseCode {
	if s.framesPass {
		return 0
	}
	return websocket.Normal
}

// other is the stream opposite h.
func (s *session) other(h *stream) *stream {
	if h == &s.client {
		return &s.server
	}
	return &s.client
}

// firstOutcome is what ended the session first: o, if nothing did before.
func (s *session) firstOutcome(o outcome.Outcome) outcome.Outcome {
	if s.outcome != outcome.None {
		return s.outcome
	}
	return o
}
