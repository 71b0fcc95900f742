package proxy

import (
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
)

// step is where a session is in its life.
type step uint8

// The life of a session, in order.
//
//	accept ─> unwrap ─> peek ─> admit ─> route ─> dial ─> announce ─> confirm ─> relay ─> finish
//	          PROXY in  CONNECT limits   pool,    next     PROXY out,  CONNACK    bytes    one outcome:
//	          TLS, HTTP          rules    key      candidate TLS,                           one line, one count
//	                                                        first bytes
//	         └──────── open: package opening ────────┘
//
// accept.go makes the session and finish.go ends it; the steps between are run from
// here.
const (
	stepOpen     step = iota // read what the client sends first, as package opening says, up to the route
	stepDial                 // open a connection to the next candidate, after a pause where all were tried in vain
	stepSecure               // nodes that speak TLS: the PROXY header, then the handshake, in a goroutine
	stepAnnounce             // write the PROXY header and the CONNECT in one
	stepSwitch               // nodes that speak WebSocket: wait for the 101, then write the frames
	stepConfirm              // read the CONNACK
	stepRelay                // move bytes until both sides have ended
	stepLeave                // an end of ours: pass on the rest of the packet that the node has begun, say goodbye
	stepLinger               // after a goodbye or a refusal: throw away what still comes

	stepWait  // returned by a step that needs the socket or the clock to go on
	stepEnded // returned by a step that has finished the session
)

// life holds each step's function, which returns the step to take next. A
// failed connection goes back to dial; a refusal goes to linger. The other half of the
// state machine stands below: advance, and what an event and the timer do.
var life = [...]func(*loop, *session) step{
	stepOpen:     (*loop).open,
	stepDial:     (*loop).dial,
	stepSecure:   (*loop).secureNode,
	stepAnnounce: (*loop).announce,
	stepSwitch:   (*loop).switchOver,
	stepConfirm:  (*loop).confirm,
	stepRelay:    (*loop).relay,
	stepLeave:    (*loop).leaveAtBoundary,
	stepLinger:   (*loop).linger,
}

// dialling: a connection to a node is being made, or will be after a pause, and it is
// not the client that is waited for.
func (s step) dialling() bool { return s >= stepDial && s <= stepSwitch }

// advance takes a session as far as it goes now. It is called after the accept
// and for every event, and leaves the session registered for the events and
// the time that it waits for.
func (l *loop) advance(s *session) {
	for {
		switch next := life[s.step](l, s); next {
		case stepEnded:
			return
		case stepWait:
			l.await(s)
			return
		default:
			s.step = next
		}
	}
}

// event notes what has happened to a stream and lets its session go on.
func (l *loop) event(s *session, h *stream, e reactor.Events) {
	if e.Any(reactor.Input | reactor.InputHungUp | reactor.HungUp | reactor.Failed) {
		h.readable = true
	}
	if e.Any(reactor.InputHungUp | reactor.HungUp | reactor.Failed | reactor.Urgent) {
		// The end of stream, or an error, does not come with an event of its own
		// any more, and a read stops short at urgent data.
		h.readToEnd = true
	}
	if e.Any(reactor.HungUp | reactor.Failed) {
		h.broken, h.reset = true, h.reset || e.Any(reactor.Failed)
		l.limitBroken(s, h)
	}
	if e.Any(reactor.Room) && h.kept != nil && l.flushAndResume(s, h) {
		return
	}
	if s.step.dialling() && h == &s.client && !h.broken {
		return // it is not what is waited for
	}
	l.advance(s)
}

// expire ends what a session was waiting for, if its time is over.
func (l *loop) expire(s *session) {
	now := l.Timers.Now()
	h, look := l.nextCheck(s)
	switch at := l.due(s); {
	case at == 0:
	case at > now:
		l.setTimer(s, at)
	case h != nil && look <= now:
		l.checkBacklog(s, h)
	case s.step == stepDial, s.step == stepAnnounce && s.pending.unproven > 0:
		l.advance(s) // the pause is over, or it is time to look
	case s.step.dialling():
		l.failAttempt(s, l.dialTimeout(s))
		s.step = stepDial
		l.advance(s)
	case s.step == stepLeave:
		l.resume(s, l.sayGoodbye(s))
	case s.step == stepLinger:
		l.finish(s, s.outcome)
	case s.deadline == 0 && stillSending(s):
		l.setTimer(s, now+1)
	case s.deadline == 0:
		l.resume(s, l.leave(s, outcome.IdleTimeout))
	case s.step < stepAnnounce:
		s.pending.fault = s.pending.Late()
		l.resume(s, l.leave(s, outcome.ConnectTimeout))
	case s.client.broken || s.server.broken:
		if s.outcome != outcome.ClientReset && s.outcome != outcome.ServerReset {
			s.outcome = outcome.HalfClosedTimeout
		}
		l.finish(s, s.outcome)
	case s.client.ended || s.server.ended:
		l.resume(s, l.leave(s, outcome.HalfClosedTimeout))
	default:
		l.resume(s, l.leave(s, outcome.ConnackTimeout))
	}
}

// limitBroken gives a session timeouts.half_closed to end one of whose streams has broken
// while the other takes no bytes. What is kept for that is still
// delivered if it can be; until then nothing is read that would show the error.
func (l *loop) limitBroken(s *session, h *stream) {
	if s.flow == nil || s.deadline != 0 || s.other(h).kept == nil {
		return
	}
	if h.reset {
		s.outcome = s.firstOutcome(pick(h == &s.client, outcome.ClientReset, outcome.ServerReset))
	}
	s.deadline = l.In(l.current.Timeouts.HalfClosed)
	l.arm(s)
}

// await leaves a session to its events and its timer.
func (l *loop) await(s *session) {
	if s.pending != nil {
		s.pending.Keep()
		s.pending.ownBytes()
		if s.pending.borrower.ofClient() {
			l.arm(s)
			return // the client's connection is not ours to watch
		}
		if size := s.pending.Size(); s.step == stepOpen && size > 0 {
			l.countOpening(s, size)
		}
	}
	err := l.register(s, &s.client)
	if err == nil && (s.pending == nil || s.pending.borrower != nodeHandshake) {
		err = l.register(s, &s.server)
	}
	if err == nil {
		l.arm(s)
		return
	}
	l.finish(s, outcome.DescriptorsExceeded) // the kernel's limit of epoll watches, or memory
}

// arm sees that the timer of the session fires no later than its time is over. A
// timer that is too early fires in vain and is put off then, so that moving a
// byte never touches the timers.
func (l *loop) arm(s *session) {
	if at := l.due(s); at != 0 && (s.timer == 0 || at < s.timer) {
		l.setTimer(s, at)
	}
}

// due is when the session's time is over; 0: never.
func (l *loop) due(s *session) reactor.Tick {
	at := s.deadline
	if at == 0 && s.idle != 0 {
		at = s.active + s.idle + 1 // the tick that it began in is not a whole one
	}
	if _, look := l.nextCheck(s); at == 0 || look != 0 && look < at {
		at = look
	}
	return at
}
