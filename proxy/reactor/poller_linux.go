package reactor

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Supported returns ErrUnsupported on systems without an event loop.
func Supported() error { return nil }

// poller is an epoll instance and an eventfd that wakes it.
type poller struct {
	epoll  int
	wakeup int
	events [eventsPerTurn]unix.EpollEvent // of this turn; tag in Fd, birth in Pad
}

func (p *poller) open() (err error) {
	if p.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if p.wakeup, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		_ = unix.Close(p.epoll)
		return err
	}
	if err = p.control(unix.EPOLL_CTL_ADD, p.wakeup, unix.EPOLLIN, tagWakeup, 0); err != nil {
		p.close()
	}
	return err
}

func (p *poller) close() {
	_ = unix.Close(p.epoll)
	_ = unix.Close(p.wakeup)
}

// wake interrupts wait. Any goroutine may call it before close.
func (p *poller) wake() {
	one := [8]byte{0: 1}
	_, _ = unix.Write(p.wakeup, one[:])
}

// clearWakeups clears all calls of wake so far.
func (p *poller) clearWakeups() {
	var count [8]byte
	_, _ = unix.Read(p.wakeup, count[:])
}

// wait waits for events, at most timeout ms, or without limit if it is -1, and returns their number.
//
// For the first milliseconds it does not tell Go's scheduler that it waits. Under load, telling it
// costs more than the wait saves: its monitor wakes every 20 µs to take the processor away from a
// blocked thread, and the thread has to win it back (11 % of the CPU of a storm of new connections). A
// wait that the scheduler does not know of must be short. A garbage collection that wants to stop this
// thread interrupts the wait with a signal, or proceeds when the wait ends.
func (p *poller) wait(timeout int) int {
	n, err := p.waitRaw(min(uint(timeout), rawWait))
	if n == 0 && err == nil && timeout != 0 {
		n, err = unix.EpollWait(p.epoll, p.events[:], timeout)
	}
	if err != nil && err != unix.EINTR {
		panic("epoll_wait: " + err.Error()) // only a bug in this file can cause it
	}
	return max(n, 0)
}

// waitRaw is epoll_wait without telling Go's scheduler. timeout is in ms.
func (p *poller) waitRaw(timeout uint) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epoll),
		uintptr(unsafe.Pointer(&p.events[0])), uintptr(len(p.events)), uintptr(timeout), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// event returns an event of this turn.
func (p *poller) event(i int) (tag int32, birth uint32, events Events) {
	e := &p.events[i]
	return e.Fd, uint32(e.Pad), Events(e.Events)
}

// watch has epoll report the events of a descriptor. They are edge-triggered: each costs one report
// and no change of the registration.
func (p *poller) watch(fd, tag int32, birth uint32, before, want Watch) error {
	op := unix.EPOLL_CTL_MOD
	if before == WatchNothing {
		op = unix.EPOLL_CTL_ADD
	}
	events := uint32(unix.EPOLLIN | unix.EPOLLPRI | unix.EPOLLRDHUP | unix.EPOLLET)
	if want == WatchInputAndRoom {
		events |= unix.EPOLLOUT
	}
	return p.control(op, int(fd), events, tag, birth)
}

// listen has epoll report connections. Listening sockets are level-triggered: connections that one
// batch leaves are reported again.
func (p *poller) listen(fd, tag int32) error {
	// All loops share a Unix socket, and only one of them should wake.
	return p.control(unix.EPOLL_CTL_ADD, int(fd), unix.EPOLLIN|unix.EPOLLEXCLUSIVE, tag, 0)
}

// ignore ends the reports of a listening socket.
func (p *poller) ignore(fd int32) { _ = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, int(fd), nil) }

func (p *poller) control(op, fd int, events uint32, tag int32, birth uint32) error {
	return unix.EpollCtl(p.epoll, op, fd, &unix.EpollEvent{Events: events, Fd: tag, Pad: int32(birth)})
}

// cpuTime returns the CPU time of the process, in ns.
func cpuTime() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t) // never fails
	return t.Nano()
}
