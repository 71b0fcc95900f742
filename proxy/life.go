package proxy

import (
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
)

// step is the step of its life that a session is in.
type step uint8

// The life of a session, in order.
//
//	accept ─> open ─> dial ─> secure ─> announce ─> switch ─> confirm ─> relay ─> (leave ─> linger) ─> finish
//	          first   next    TLS to    PROXY and   101 of a  CONNACK    bytes    an end of ours        one outcome:
//	          bytes   node    the node  CONNECT     WS node                                            one line, one count
//
// A session whose nodes are all full or busy goes from dial to defer, and is refused from there.
// accept.go makes the session, and ends it at once if its address is banned; finish.go ends it. The steps between them are
// run from here.
const (
	stepOpen     step = iota // read the client's first bytes, as package opening says, and ask bans, rules, limits and routes, until there is a pool
	stepDial                 // connect to the next candidate, at one of its addresses (race.go), after a wait in its queue, or after a pause if all have failed
	stepDefer                // every node is full or busy: wait for a random time, then refuse the client
	stepSecure               // nodes that speak TLS: send the PROXY header, then make the handshake in a goroutine
	stepAnnounce             // write the PROXY header and the CONNECT in one write
	stepSwitch               // nodes that speak WebSocket: wait for the 101, then write the client's frames
	stepConfirm              // read the CONNACK; a session that its node accepts may take over from an older one
	stepRelay                // move bytes until both sides have ended
	stepLeave                // we end the session: pass on the rest of the packet that the node has begun, then say goodbye
	stepLinger               // after a goodbye or a refusal: throw away the bytes that still arrive

	stepWait  // returned by a step that waits for the socket or the clock
	stepEnded // returned by a step that has finished the session
)

// life holds the function of each step, which returns the next step. A failed connection, and a node that
// turns the client away before its CONNACK, go back to dial. A refusal goes to linger. The other half of
// the state machine is below: advance, event and expire.
var life = [...]func(*loop, *session) step{
	stepOpen:     (*loop).open,
	stepDial:     (*loop).dial,
	stepDefer:    (*loop).refuseWhenDue,
	stepSecure:   (*loop).secureNode,
	stepAnnounce: (*loop).announce,
	stepSwitch:   (*loop).switchOver,
	stepConfirm:  (*loop).confirm,
	stepRelay:    (*loop).relay,
	stepLeave:    (*loop).leaveAtBoundary,
	stepLinger:   (*loop).linger,
}

// dialling reports whether the session waits for a connection to a node, or for the pause before one.
// Its client is not waited for.
func (s step) dialling() bool { return s >= stepDial && s <= stepSwitch }

// advance runs the steps of a session until one has to wait. It is called after the accept and for
// every event, and leaves the session registered for the events and the time that it waits for.
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

// event notes what has happened to a stream and runs the steps of its session.
func (l *loop) event(s *session, h *stream, e reactor.Events) {
	if e.Any(reactor.Input | reactor.InputHungUp | reactor.HungUp | reactor.Failed) {
		h.readable = true
	}
	if e.Any(reactor.InputHungUp | reactor.HungUp | reactor.Failed | reactor.Urgent) {
		// The end of the stream and an error do not come with an event of their own any more, and a
		// read stops short at urgent data.
		h.readToEnd = true
	}
	if e.Any(reactor.HungUp | reactor.Failed) {
		h.broken, h.reset = true, h.reset || e.Any(reactor.Failed)
		l.limitBroken(s, h)
	}
	if e.Any(reactor.Room) && h.kept != nil && l.flushAndResume(s, h) {
		return
	}
	if s.step.dialling() && h == &s.client && !h.broken && !l.gaveUp(s) {
		return // the session waits for its node
	}
	l.advance(s)
}

// expire ends the step of a session, or the session, if its time is over.
func (l *loop) expire(s *session) {
	now := l.Timers.Now()
	h, look := l.nextCheck(s)
	switch at := l.due(s); {
	case at == 0:
	case at > now:
		l.setTimer(s, at)
	case h != nil && look <= now:
		l.checkBacklog(s, h)
	case s.step == stepDial, s.step == stepDefer, s.step == stepAnnounce && s.pending.unproven > 0:
		l.advance(s) // the wait or the pause is over, or the proof is due
	case s.step.dialling() && l.mayTryBeside(s):
		if err := l.tryBeside(s); err != nil {
			l.failAttempt(s, err)
			s.step = stepDial
		}
		l.advance(s)
	case s.step.dialling():
		l.failAttempt(s, l.dialTimeout(s))
		s.step = stepDial
		l.advance(s)
	case s.step == stepLeave:
		l.resume(s, l.sayGoodbye(s))
	case s.step == stepLinger:
		s.abortUndelivered()
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
		l.resume(s, l.silent(s))
	}
}

// limitBroken ends a session after timeouts.half_closed if one of its streams has broken while the
// other takes no bytes. The bytes kept for the other are still delivered if possible; until then
// nothing is read, and a read alone would show the error.
func (l *loop) limitBroken(s *session, h *stream) {
	if s.flow == nil || s.deadline != 0 || s.other(h).kept == nil {
		return
	}
	if h.reset {
		s.outcome = s.endedBy(h, outcome.ClientReset, outcome.ServerReset)
	}
	s.deadline = l.In(l.current.Timeouts.HalfClosed)
	l.arm(s)
}

// await has a session wait for its events and its timer.
func (l *loop) await(s *session) {
	if s.pending != nil {
		s.pending.Keep()
		s.pending.ownBytes()
		if s.pending.borrower.ofClient() {
			l.arm(s)
			return // the borrower reads the client's connection
		}
		if s.step == stepOpen {
			l.countOpening(s, s.pending.Size())
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
	l.finish(s, outcome.DescriptorsExceeded) // the kernel's limit of epoll watches or of memory
}

// limit returns the tick at which the time of the session's step, or its idle limit, is over; 0: it has
// none.
func (s *session) limit() reactor.Tick {
	if s.deadline == 0 && s.idle != 0 {
		return s.active + s.idle + 1 // the current tick is not a whole one
	}
	return s.deadline
}

// arm sets the timer of the session to fire no later than its time is over. A timer that fires too
// early is set again then, so moving a byte never touches the timers.
func (l *loop) arm(s *session) {
	if at := l.due(s); at != 0 && (s.timer == 0 || at < s.timer) {
		l.setTimer(s, at)
	}
}

// due returns the tick at which the session's time is over, or 0 if it has no limit.
func (l *loop) due(s *session) reactor.Tick {
	at := s.limit()
	if _, look := l.nextCheck(s); at == 0 || look != 0 && look < at {
		at = look
	}
	return at
}
