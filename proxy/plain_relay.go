//go:build !linux || plain

package proxy

import (
	"io"
	"net"
	"sync"

	"mqttlb/mqttparse"
)

// relay moves bytes both ways until both streams have ended.
func (s *session) relay() Outcome {
	var both sync.WaitGroup
	both.Go(func() { s.forward(&s.client, &s.server) })
	both.Go(func() { s.forward(&s.server, &s.client) })
	both.Wait()
	return s.outcome
}

// forward moves bytes from one side to the other until one of them has ended.
func (s *session) forward(from, to *side) {
	b := make([]byte, copySize)
	var answer []byte // the beginning of a CONNACK that is not whole yet
	for {
		n, err := from.Read(b)
		if n > 0 {
			s.count(from, n)
			if from == &s.server && s.confirming {
				answer = s.confirm(append(answer, b[:n]...))
			}
			if _, err := to.Write(b[:n]); err != nil {
				s.outputBroke(to)
				return
			}
		}
		if err != nil {
			s.inputEnded(from, to, err)
			return
		}
	}
}

// count counts n bytes read from a side; they may put off the session's end.
func (s *session) count(from *side, n int) {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	from.moved += uint64(n)
	client := from == &s.client
	if client {
		s.flow.Received += uint64(n)
	} else {
		s.flow.Sent += uint64(n)
	}
	halfClosed := s.outcome != outcomeNone
	if s.timer != nil && (client || !s.byKeepAlive || halfClosed) {
		s.timer.Reset(s.limit)
	}
}

// confirm reads what a node sent first, its CONNACK, and returns what has to be
// seen again with more of it.
func (s *session) confirm(b []byte) []byte {
	var c mqttparse.Connack
	answer := confirm(b, &c, s.version)
	if answer == answerShort {
		return b
	}
	if answer == answerAuth {
		return nil
	}
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	s.confirming = false
	if answer == answerOther {
		return nil
	}
	s.connack = c.Code
	if c.HasServerKeepAlive && s.byKeepAlive {
		s.idle = idleLimit(0, c.ServerKeepAlive)
		if s.outcome == outcomeNone {
			s.armIdleLocked()
		}
	}
	if len(c.AssignedClientID) > 0 {
		s.id = logged(c.AssignedClientID)
	}
	return nil
}

// inputEnded handles the end of a side's stream, which travels and leaves the
// other timeouts.half_closed, or the error that broke it.
func (s *session) inputEnded(from, to *side, err error) {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	if err == io.EOF {
		s.endedLocked(from.closed)
		s.armLocked(s.engine.server.snapshot.Timeouts.HalfClosed, HalfClosedTimeout)
		closeWrite(to)
		return
	}
	if s.outcome != from.reset {
		// The other side learns that the connection broke, not that it ended;
		// but not when a write has broken before, and the last words are on their way.
		abort(to)
	}
	s.endedLocked(from.reset)
	_ = from.Close()
	_ = to.Close()
}

// outputBroke handles a side that takes no more bytes because it is gone. What
// it sent last still reaches the other, in the other direction's goroutine.
func (s *session) outputBroke(gone *side) {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	s.endedLocked(gone.reset)
	s.armLocked(lingerTime, s.outcome)
}

// endedLocked notes what has ended the session, if nothing did before.
func (s *session) endedLocked(o Outcome) {
	if s.outcome == outcomeNone {
		s.outcome = o
	}
}

// closeWrite ends our stream to a peer.
func closeWrite(c *side) {
	if c, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}

// abort makes the next close send RST and forget what was not sent.
func abort(c *side) {
	if c, ok := c.Conn.(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
}
