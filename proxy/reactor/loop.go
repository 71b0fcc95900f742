package reactor

import (
	"net/netip"
	"time"
)

// Handler has the methods that a loop calls, always in its own goroutine. While a method runs, all
// other slots wait.
type Handler interface {
	// Event handles events of a descriptor that was given to Watch. The slot may have been released
	// and taken again since the kernel noticed them. Then Birth is not that of the slot's descriptor,
	// and the handler must ignore them.
	Event(t Target, e Events)

	// Due handles a timer that has fired. The timer is no longer set.
	Due(slot uint32)

	// Accepted handles a new connection. listener is the number that Listen returned, fd does not
	// block, and peer is not valid for a Unix socket.
	Accepted(listener int, fd int32, peer netip.AddrPort)

	// AcceptFailed is called if a connection cannot be accepted. listener is the number that Listen
	// returned, or is about to return. If descriptors or memory have run out, the loop pauses before it
	// tries again.
	AcceptFailed(listener int, err error)

	// Turned is called at the end of each turn with the time that it has taken, without its wait for
	// events.
	Turned(length time.Duration)

	// Done is called between two turns and reports whether the loop should end.
	Done() bool
}

// Loop is one event loop: an epoll instance, its own listening sockets, and a timer for each slot.
// Unless its comment says otherwise, a method may be called in the loop's own goroutine only: by the
// Handler, or by a function given to Do.
type Loop struct {
	// Timers has a timer for each slot.
	Timers Wheel

	handler Handler
	due     func(slot uint32)
	poller  poller
	socks   []int32 // listening sockets, by number; -1: the number is free

	epoch   time.Time
	clock   int64 // ns since epoch, read once each turn
	stood   int64 // total of all standstills, in ns
	used    int64 // CPU time of the process when sampled, in ns
	sampled int64 // clock at which used was read, once a tick
	pause   acceptPause
	address sockaddr // reused by every call
	mailbox mailbox
}

// NewLoop makes a loop. Its clock counts from epoch. Loops with the same epoch have the same time.
func NewLoop(h Handler, epoch time.Time) (*Loop, error) {
	l := &Loop{handler: h, epoch: epoch, used: cpuTime()}
	if err := l.poller.open(); err != nil {
		return nil, err
	}
	l.due = h.Due
	return l, nil
}

// Run handles events until the handler is done, and then calls Close.
func (l *Loop) Run() {
	defer l.Close()
	for !l.handler.Done() {
		l.Turn()
	}
}

// Turn waits for events and handles them. Run is a loop of turns.
func (l *Loop) Turn() {
	timeout := l.timeout()
	n := l.poller.wait(timeout)
	l.tellTime(int64(time.Since(l.epoch)), timeout, cpuTime)
	l.Timers.Advance(l.tick(), l.due)
	for i := range n {
		l.dispatch(i)
	}
	l.resumeWhenDue()
	l.handler.Turned(time.Since(l.epoch) - time.Duration(l.clock))
}

// Close frees what the loop itself has opened, which includes no sockets. It calls the functions given
// to Do before, and later calls of Do return false. Call Close only for a loop that does not run.
func (l *Loop) Close() {
	l.stopMail()
	l.poller.close()
}

// dispatch passes an event of this turn on.
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

// The tag of an event: twice the slot plus the side, or one of these.
const (
	tagWakeup   = -1
	tagListener = -2 // minus the listener's number
)

func (t Target) tag() int32 { return int32(t.Slot)*2 + int32(t.Side) }

// Watch changes the events that are reported for a descriptor from those of before to those of want.
// Each event is reported once, when it happens. Calling Watch again with the same want reports the
// present state again. Closing the descriptor ends the reports.
func (l *Loop) Watch(fd int32, t Target, before, want Watch) error {
	return l.poller.watch(fd, t.tag(), t.Birth, before, want)
}

// timeout returns how long the loop may sleep, in ms, or -1 for until an event.
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

// tellTime sets the clock after a wait of at most timeout ms. Time in which the loop stood still,
// because its container was paused or its machine was moved, counts as one tick for the wheel: clients
// were not silent in it, and must not all be ended at once. Time in which a long turn has worked, by
// the process's CPU time, counts in full: limits must not stretch under load.
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

// Now returns the time at which this turn began, in ns since the epoch. It never goes back.
func (l *Loop) Now() int64 { return l.clock }

// In returns the tick at which d from now is over.
func (l *Loop) In(d time.Duration) Tick { return l.Timers.now + Ticks(d) + 1 }
