package proxy

import (
	"errors"

	"mqttlb/proxy/reactor"
	"mqttlb/proxy/websocket"
)

// closeFrame appends the close frame that an error of the client's frames is owed.
func closeFrame(dst []byte, why error) []byte {
	var broken *websocket.Error
	if errors.As(why, &broken) {
		return websocket.AppendClose(dst, broken.Code, broken.Reason)
	}
	return websocket.AppendClose(dst, websocket.ProtocolError, "")
}

// catchUp translates what has come with the CONNECT and is not looked at yet. It reports whether the session has ended.
func (l *loop) catchUp(s *session) (ended bool) {
	if s.frames == nil || len(s.frames.rest) == 0 {
		return false
	}
	return l.translate(s, &s.client, &s.server, 0)
}

// inbox is where in the scratch buffer the bytes of a half are read to.
func (l *loop) inbox(s *session, from *half) []byte {
	switch {
	case s.frames == nil:
		return l.scratch
	case from == &s.client:
		return l.scratch[len(s.frames.rest):] // what it goes on from is put before
	default:
		return l.scratch[websocket.MaxHeaderSize:] // its frame's header is put before
	}
}

// cargo is what a half's bytes come to on the other side of a translation.
type cargo struct {
	bytes   []byte // for the other half
	replies []byte // frames of ours for the client
	end     bool   // the client's stream ends with it
	broken  error  // why, if it broke the rules
}

// carried translates n bytes that are in a half's inbox: payload without its frames
// from the client, packets in a frame from the node.
func (l *loop) carried(s *session, from *half, n int) (c cargo) {
	f := s.frames
	if from == &s.server {
		if !f.closed {
			c.bytes = l.frame(n)
		}
		return c
	}
	b := l.scratch[:len(f.rest)+n]
	copy(b, f.rest)
	c.bytes, c.replies, c.end, c.broken = f.unframe(b, nil)
	if c.broken != nil && !f.closed {
		c.replies = closeFrame(c.replies, c.broken)
	}
	c.end = c.end || c.broken != nil
	f.closed = f.closed || c.end
	return c
}

// translate delivers n bytes that are in a half's inbox to a half that holds
// nothing. It reports whether the session has ended.
func (l *loop) translate(s *session, from, to *half, n int) (ended bool) {
	c := l.carried(s, from, n)
	if len(c.bytes) > 0 && l.deliver(s, to, c.bytes) || len(c.replies) > 0 && l.reply(s, c.replies) {
		return true
	}
	if c.broken != nil {
		s.outcome, s.frames.broken = s.firstOutcome(FrameError), c.broken
	}
	return c.end && l.inputEnded(s, from, to, nil)
}

// frame puts the header of a frame before n bytes from the node.
func (l *loop) frame(n int) []byte {
	header := websocket.AppendHeader(l.header[:0], websocket.Binary, n)
	start := websocket.MaxHeaderSize - len(header)
	copy(l.scratch[start:], header)
	return l.scratch[start : websocket.MaxHeaderSize+n]
}

// reply sends control frames of ours to the client, after what is held for it.
func (l *loop) reply(s *session, b []byte) (ended bool) {
	if s.client.held == nil {
		return l.deliver(s, &s.client, b)
	}
	if len(*s.client.held)+len(b) > 2*scratchSize {
		s.frames.broken = errUnreadPongs
		l.finish(s, s.firstOutcome(FrameError))
		return true
	}
	if s.client.secure != nil { // what is held is sealed
		if _, err := l.send(&s.client, b); err != nil {
			return l.outputBroke(s, &s.client)
		}
		return false
	}
	s.client.hold(b)
	return false
}

// closeFrames says goodbye to a client whose frames end here.
func (l *loop) closeFrames(s *session, code websocket.CloseCode) {
	if s.frames == nil || s.frames.closed {
		return
	}
	s.frames.closed = true
	b := websocket.AppendClose(nil, code, "")
	if n, err := l.send(&s.client, b); err == nil && n < len(b) {
		s.client.hold(b[n:])
	}
}

// switchOver waits for a node's 101, and then writes the client's frames to it:
// before, a node may take them for a part of the request.
func (l *loop) switchOver(s *session) step {
	o := s.opening
	if s.client.broken {
		return l.finish(s, ClientGone)
	}
	for s.server.ready {
		n, err := l.receive(&s.server, l.scratch)
		if err == reactor.ErrAgain {
			s.server.ready = false
			return stepWait
		}
		if err == nil && n == 0 {
			err = errNoUpgrade
		}
		if err != nil {
			l.giveUp(s, nodeAlert(err))
			return stepDial
		}
		s.server.ready = n == len(l.scratch) || s.server.drain
		o.answer = append(o.answer, l.scratch[:n]...)
		b := o.answer
		length, err := websocket.ReadResponse(b, o.request)
		if err == websocket.ErrShort {
			if len(b) <= maxUpgradeResponse {
				continue
			}
			err = errUpgradeTooLong
		}
		if err != nil {
			l.giveUp(s, err)
			return stepDial
		}
		taken, err := l.send(&s.server, o.bytes)
		if err != nil {
			l.giveUp(s, err)
			return stepDial
		}
		o.answer = nil
		next := l.reached(s, o.bytes[taken:])
		if early := b[length:]; len(early) > 0 && next == stepConfirm {
			return l.heard(s, early)
		}
		return next
	}
	return stepWait
}
