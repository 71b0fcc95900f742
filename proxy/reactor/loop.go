package reactor

import (
	"net/netip"
	"time"
)

// Handler is what a loop calls, always in its own goroutine. A method may take all
// the time that its slot deserves, and no more: every other slot waits.
type Handler interface {
	// Event says what has happened to a descriptor that was given to Watch. The slot
	// may have been released, and even be in use again, since the kernel noticed:
	// then Birth is not that of the descriptor in it, and the event means nothing.
	Event(t Target, e Events)

	// Due says that the timer of a slot has fired, and is not set any more.
	Due(slot uint32)

	// Accepted hands over a connection from a listening socket, by the number that
	// Listen gave it: a descriptor that does not block, and the peer's address, not valid
	// for a Unix socket.
	Accepted(listener int, fd int32, peer netip.AddrPort)

	// AcceptFailed says that a connection could not be taken for want of descriptors
	// or memory. The loop pauses before it tries again.
	AcceptFailed(err error)

	// Done is asked between two turns and reports whether the loop is to end.
	Done() bool
}

// Loop is one event loop: an epoll instance, its own listening sockets, and a timer
// for each slot. Unless it says otherwise, a method is called in the loop's own
// goroutine only: by its Handler, or by a function given to Do.
type Loop struct {
	// Timers are those of the slots.
	Timers Wheel

	handler Handler
	due     func(slot uint32)
	poller  poller
	socks   []int32 // listening sockets, by their numbers; -1: none has this number

	epoch   time.Time
	clock   int64 // ns since epoch, read once each turn
	stood   int64 // how much of it the loop stood still, ns
	used    int64 // CPU time of the process at sampled, ns
	sampled int64 // a clock, once a tick
	pause   acceptPause
	address sockaddr // of one socket at a time
	mailbox mailbox
}

// NewLoop makes a loop. Its clock counts from epoch; loops that share an epoch share their
// time.
func NewLoop(h Handler, epoch time.Time) (*Loop, error) {
	l := &Loop{handler: h, epoch: epoch, used: cpuTime()}
	if err := l.poller.open(); err != nil {
		return nil, err
	}
	l.due = h.Due
	return l, nil
}

// Run is the loop. It returns when the handler is done, and has called Close then.
func (l *Loop) Run() {
	defer l.Close()
	for !l.handler.Done() {
		l.Turn()
	}
}

// Turn waits for something to happen, and handles all that has. Run is turns.
func (l *Loop) Turn() {
	timeout := l.timeout()
	n := l.poller.wait(timeout)
	l.tellTime(int64(time.Since(l.epoch)), timeout, cpuTime)
	l.Timers.Advance(l.tick(), l.due)
	for i := range n {
		l.dispatch(i)
	}
	l.resumeWhenDue()
}

// Close frees what the loop itself has opened, which is no socket. Mail that came
// before is read; a later caller of Do is told. Only a loop that does not run is to be
// closed.
func (l *Loop) Close() {
	l.stopMail()
	l.poller.close()
}

// dispatch hands an event of this turn to what it belongs to.
func (l *Loop) dispatch(i int) {
	switch tag, birth, events := l.poller.event(i); {
	case tag >= 0:
		l.handler.Event(Target{Slot: uint32(tag) / 2, Side: uint8(tag % 2), Birth: birth}, events)
	case tag == tagWakeup:
		l.poller.clearWakeups()
		l.readMail()
	default:
		l.accept(int(tagListener - tag))
	}
}

// What an event belongs to: a slot times two plus the side, or one of these.
const (
	tagWakeup   = -1
	tagListener = -2 // less the listener's number
)

func (t Target) tag() int32 { return int32(t.Slot)*2 + int32(t.Side) }

// Watch asks for the events of a descriptor: for those of want in place of those of
// before. Each is reported once, when it happens; asking again for the same reports
// what holds still. Closing the descriptor ends it.
func (l *Loop) Watch(fd int32, t Target, before, want Watch) error {
	return l.poller.watch(fd, t.tag(), t.Birth, before, want)
}

// timeout is how long the loop may sleep, in ms; -1: until something happens.
func (l *Loop) timeout() int {
	d := time.Duration(-1)
	if at, ok := l.Timers.Next(); ok {
		d = max(time.Duration(at)*TickLength-time.Duration(l.clock-l.stood), 0)
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

// tellTime sets the clock after a wait of at most timeout ms. Time in which the
// loop stood still, since its container was paused or its machine was moved, is
// one tick to the wheel: the clients who were not heard in it did not go silent,
// and it must not end them all at once. Time that a long turn has worked, by the
// process's CPU time, is time: limits must not stretch under load.
func (l *Loop) tellTime(now int64, timeout int, cpu func() int64) {
	if timeout >= 0 {
		late := now - l.clock - int64(timeout)*int64(time.Millisecond)
		if late > int64(standstill) {
			l.stood += max(now-l.clock-max(int64(TickLength), cpu()-l.used), 0)
		}
	}
	l.clock = now
	if now-l.sampled >= int64(TickLength) {
		l.sampled, l.used = now, cpu()
	}
}

func (l *Loop) tick() Tick { return Tick((l.clock-l.stood)/int64(TickLength)) + 1 }

// Now is the time at which this turn began, in ns since the epoch. It goes forward
// only.
func (l *Loop) Now() int64 { return l.clock }

// In is the tick at which d from now is over.
func (l *Loop) In(d time.Duration) Tick { return l.Timers.now + Ticks(d) + 1 }
