package proxy

import (
	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/reactor"
)

// loop is one event loop and the sessions that arrived on its listening sockets. Its
// goroutine alone touches it.
type loop struct {
	*reactor.Loop
	server   *Server
	sessions reactor.Slots[session]
	openings []*pending           // free ones
	resume   func(*session, step) // advance from a step, for what comes back to a step that life names

	// Used by one session at a time, within one turn.
	scratch []byte
	opener  opening.Scratch
	header  [headroom]byte
	cipher  []byte // of halves that speak TLS
	sealed  []byte // for halves that speak TLS
	connack mqttparse.Connack

	counters counters
	stopping bool
}

// newLoop makes a loop that owns the listening sockets from now on.
func newLoop(srv *Server, socks []int32) (*loop, error) {
	l := &loop{
		server:   srv,
		scratch:  make([]byte, scratchSize),
		counters: newCounters(srv.listeners),
	}
	l.resume = func(s *session, next step) {
		if next != stepEnded {
			s.step = next
			l.advance(s)
		}
	}
	var err error
	l.Loop, err = reactor.NewLoop(l, socks, srv.epoch)
	return l, err
}

// Done reports whether the loop has been told to stop and its last session has ended.
func (l *loop) Done() bool { return l.stopping && l.sessions.Len() == 0 }

// Event lets the session go on that an event is for.
func (l *loop) Event(t reactor.Target, e reactor.Events) {
	s := l.sessions.At(t.Slot)
	h := &s.client
	if t.Side == serverSide {
		h = &s.server
	}
	if s.listener != nil && h.birth == t.Birth { // it may have ended in this turn
		l.event(s, h, e)
	}
}

// event notes what has happened to a half and lets its session go on.
func (l *loop) event(s *session, h *half, e reactor.Events) {
	if e.Any(reactor.Input | reactor.InputHungUp | reactor.HungUp | reactor.Failed) {
		h.ready = true
	}
	if e.Any(reactor.InputHungUp | reactor.HungUp | reactor.Failed | reactor.Urgent) {
		// The end of stream, or an error, does not come with an event of its own
		// any more, and a read stops short at urgent data.
		h.drain = true
	}
	if e.Any(reactor.HungUp | reactor.Failed) {
		h.broken, h.reset = true, h.reset || e.Any(reactor.Failed)
		l.limitBroken(s, h)
	}
	if e.Any(reactor.Room) && h.held != nil && l.flush(s, h) {
		return
	}
	if s.step.dialling() && h == &s.client && !h.broken {
		return // it is not what is waited for
	}
	l.advance(s)
}

// limitBroken gives a session timeouts.half_closed to end whose half has broken
// while the other one takes no bytes. What is held for the other is still
// delivered if it can be; until then nothing is read that would show the error.
func (l *loop) limitBroken(s *session, h *half) {
	if s.flow == nil || s.deadline != 0 || s.other(h).held == nil {
		return
	}
	if h.reset {
		s.outcome = s.firstOutcome(pick(h == &s.client, ClientReset, ServerReset))
	}
	s.deadline = l.In(l.server.snapshot.Timeouts.HalfClosed)
	l.arm(s)
}

// await leaves a session to its events and its timer.
func (l *loop) await(s *session) {
	if s.opening != nil {
		s.opening.Keep()
		s.opening.keep()
		if s.opening.borrower.ofClient() {
			l.arm(s)
			return // the client's connection is not ours to watch
		}
		if size := s.opening.Size(); s.step == stepOpen && size > 0 {
			l.countOpening(s, size)
		}
	}
	err := l.register(s, &s.client)
	if err == nil && (s.opening == nil || s.opening.borrower != nodeHandshake) {
		err = l.register(s, &s.server)
	}
	if err == nil {
		l.arm(s)
		return
	}
	l.finish(s, DescriptorsExceeded) // the kernel's limit of epoll watches, or memory
}

// arm sees that the timer of the session fires no later than its time is over. A
// timer that is too early fires in vain and is put off then, so that moving a
// byte never touches the timers.
func (l *loop) arm(s *session) {
	if at := s.due(); at != 0 && (s.timer == 0 || at < s.timer) {
		l.setTimer(s, at)
	}
}

// due is when the session's time is over; 0: never.
func (s *session) due() reactor.Tick {
	switch {
	case s.deadline != 0:
		return s.deadline
	case s.idle != 0:
		return s.active + s.idle + 1 // the tick that it began in is not a whole one
	}
	return 0
}

func (l *loop) setTimer(s *session, at reactor.Tick) { s.timer = l.Timers.Set(s.slot, at) }

// Due is called when a session's timer has fired.
func (l *loop) Due(slot uint32) {
	s := l.sessions.At(slot)
	s.timer = 0
	l.expire(s)
}

// expire ends what a session was waiting for, if its time is over.
func (l *loop) expire(s *session) {
	switch at := s.due(); {
	case at == 0:
	case at > l.Timers.Now():
		l.setTimer(s, at)
	case s.step == stepDial, s.step == stepAnnounce && s.opening.walk.unproven > 0:
		l.advance(s) // the pause is over, or it is time to look
	case s.step.dialling():
		l.giveUp(s, l.dialTimeout(s))
		s.step = stepDial
		l.advance(s)
	case s.step == stepLinger:
		l.finish(s, s.outcome)
	case s.deadline == 0 && unheard(s):
		l.setTimer(s, l.Timers.Now()+1)
	case s.deadline == 0:
		l.finish(s, IdleTimeout)
	case s.step < stepAnnounce:
		s.opening.fault = s.opening.Late()
		l.finish(s, ConnectTimeout)
	case s.client.ended || s.server.ended || s.client.broken || s.server.broken:
		if s.outcome != ClientReset && s.outcome != ServerReset {
			s.outcome = HalfClosedTimeout
		}
		l.finish(s, s.outcome)
	default:
		l.finish(s, ConnackTimeout)
	}
}
