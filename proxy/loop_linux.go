//go:build !plain

package proxy

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"mqttlb/mqttparse"
)

// loop is one event loop: an epoll instance, its own listening sockets, and the
// sessions that arrived on them. Its goroutine alone touches all but the mailbox.
type loop struct {
	server *Server
	epoll  int
	wakeup int   // eventfd: the mailbox has something
	socks  []int // listening sockets by listener; -1: closed

	clock int64 // ns since the server's epoch, read once each turn
	stood int64 // how much of it the loop stood still, ns
	wheel wheel
	sessions
	openings []*opening           // free ones
	resume   func(*session, step) // advance from a step, for what comes back to a step that life names

	// Used by one session at a time, within one turn.
	scratch []byte
	refusal [16]byte
	header  [headroom]byte
	cipher  []byte // of halves that speak TLS
	sealed  []byte // for halves that speak TLS
	addr    sockaddr
	inline  *inline // nil: there was no upgrade yet
	parsed  mqttparse.Connect
	connack mqttparse.Connack

	counters counters
	stopping bool
	pause    acceptPause

	mu      sync.Mutex // guards the fields below
	mail    []func()
	stopped bool
}

// What an epoll event belongs to: a session's slot and half in Fd with the
// half's birth in Pad, or one of these.
const (
	eventWakeup   = -1
	eventListener = -2 // less the listener's index
)

// newLoop makes a loop that owns the listening sockets from now on.
func newLoop(srv *Server, socks []int) (*loop, error) {
	l := &loop{
		server:   srv,
		socks:    socks,
		scratch:  make([]byte, scratchSize),
		counters: newCounters(srv.listeners),
	}
	l.wheel.sessions = &l.sessions
	l.resume = func(s *session, next step) {
		if next != stepEnded {
			s.step = next
			l.advance(s)
		}
	}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if l.wakeup, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		_ = unix.Close(l.epoll)
		return nil, err
	}
	err = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, l.wakeup, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: eventWakeup})
	if err == nil {
		err = l.resumeAccept()
	}
	if err != nil {
		_ = unix.Close(l.epoll)
		_ = unix.Close(l.wakeup)
		return nil, err
	}
	return l, nil
}

// run is the loop. It returns once it has been told to stop and its last
// session has ended.
func (l *loop) run() {
	defer l.close()
	var events [256]unix.EpollEvent
	for !l.stopping || l.open > 0 {
		timeout := l.timeout()
		n := l.wait(events[:], timeout)
		l.tellTime(timeout)
		l.wheel.advance(l.tick(), l.expire)
		for i := range events[:n] {
			l.dispatch(&events[i])
		}
		l.resumeWhenDue()
	}
}

// wait waits for events and returns how many there are.
//
// The first milliseconds are waited for behind the scheduler's back. A system call
// that it knows of costs more under load than the waiting saves: its monitor
// wakes every 20 µs to take the processor away from a thread that blocks, and
// the thread has to win it back (11 % of the CPU of a storm of new connections).
// What the scheduler does not know of must be short, and it is: a collection
// that wants to stop this thread interrupts the wait with a signal, or is let
// through when it ends.
func (l *loop) wait(events []unix.EpollEvent, timeout int) int {
	n, err := epollWaitRaw(l.epoll, events, min(uint(timeout), rawWait))
	if n == 0 && err == nil && timeout != 0 {
		n, err = unix.EpollWait(l.epoll, events, timeout)
	}
	if err != nil && err != unix.EINTR {
		panic("epoll_wait: " + err.Error()) // only a bug in this file can cause it
	}
	return max(n, 0)
}

// timeout is how long the loop may sleep, in ms; -1: until something happens.
func (l *loop) timeout() int {
	d := time.Duration(-1)
	if at, ok := l.wheel.next(); ok {
		d = max(time.Duration(at)*tickLength-time.Duration(l.clock-l.stood), 0)
	}
	if l.pause.on {
		if left := max(time.Duration(l.pause.until-l.clock), 0); d < 0 || left < d {
			d = left
		}
	}
	if d < 0 {
		return -1
	}
	return int((d + time.Millisecond - 1) / time.Millisecond)
}

// tellTime reads the clock after a wait of at most timeout ms. Time in which the
// loop stood still, since its container was paused or its machine was moved, is
// one tick to the wheel: the clients who were not heard in it did not go silent,
// and it must not end them all at once.
func (l *loop) tellTime(timeout int) {
	now := l.server.now()
	if timeout >= 0 {
		late := now - l.clock - int64(timeout)*int64(time.Millisecond)
		if late > int64(standstill) {
			l.stood += now - l.clock - int64(tickLength)
		}
	}
	l.clock = now
}

func (l *loop) tick() tick { return tick((l.clock-l.stood)/int64(tickLength)) + 1 }

// in is the tick at which d from now is over.
func (l *loop) in(d time.Duration) tick { return l.wheel.now + ticks(d) + 1 }

// dispatch hands an event to what it belongs to.
func (l *loop) dispatch(e *unix.EpollEvent) {
	switch {
	case e.Fd >= 0:
		s := l.at(uint32(e.Fd) / 2)
		h := &s.client
		if e.Fd%2 == 1 {
			h = &s.server
		}
		if s.listener != nil && h.birth == uint32(e.Pad) { // it may have ended in this turn
			l.event(s, h, e.Events)
		}
	case e.Fd == eventWakeup:
		l.readMail()
	default:
		l.accept(l.server.listeners[eventListener-e.Fd])
	}
}

// event notes what epoll says of a half and lets its session go on.
func (l *loop) event(s *session, h *half, events uint32) {
	if events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		h.ready = true
	}
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR|unix.EPOLLPRI) != 0 {
		// The end of stream, or an error, does not come with an event of its own
		// any more, and a read stops short at urgent data.
		h.drain = true
	}
	if events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		h.broken, h.reset = true, h.reset || events&unix.EPOLLERR != 0
		l.limitBroken(s, h)
	}
	if events&unix.EPOLLOUT != 0 && h.held != nil && l.flush(s, h) {
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
	s.deadline = l.in(l.server.snapshot.Timeouts.HalfClosed)
	l.arm(s)
}

// await leaves a session to epoll and the wheel.
func (l *loop) await(s *session) {
	if s.opening != nil {
		s.opening.keep()
		if s.opening.visit != nil || s.opening.lent != nil {
			l.arm(s)
			return // it is not ours to watch
		}
	}
	err := l.register(s, &s.client, 0)
	if err == nil && (s.opening == nil || s.opening.nodeLent == nil) {
		err = l.register(s, &s.server, 1)
	}
	if err == nil {
		l.arm(s)
		return
	}
	l.finish(s, DescriptorsExceeded) // the kernel's limit of epoll watches, or memory
}

// arm sees that the wheel holds the session no later than its time is over. A
// timer that is too early fires in vain and is put off then, so that moving a
// byte never touches the wheel.
func (l *loop) arm(s *session) {
	if at := s.due(); at != 0 && (s.timer.at == 0 || at < s.timer.at) {
		l.wheel.add(s, at)
	}
}

// due is when the session's time is over; 0: never.
func (s *session) due() tick {
	switch {
	case s.deadline != 0:
		return s.deadline
	case s.idle != 0:
		return s.active + s.idle + 1 // the tick that it began in is not a whole one
	}
	return 0
}

// expire ends what a session was waiting for, if its time is over.
func (l *loop) expire(s *session) {
	switch at := s.due(); {
	case at == 0:
	case at > l.wheel.now:
		l.wheel.add(s, at)
	case s.step == stepDial, s.step == stepAnnounce && s.opening.walk.unproven > 0:
		l.advance(s) // the pause is over, or it is time to look
	case s.step.dialling():
		l.giveUp(s, l.dialTimeout(s))
		s.step = stepDial
		l.advance(s)
	case s.step == stepLinger:
		l.finish(s, s.outcome)
	case s.deadline == 0 && unheard(s):
		l.wheel.add(s, l.wheel.now+1)
	case s.deadline == 0:
		l.finish(s, IdleTimeout)
	case s.step < stepAnnounce:
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
