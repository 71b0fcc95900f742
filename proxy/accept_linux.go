package proxy

import (
	"time"

	"golang.org/x/sys/unix"
)

// accept takes connections that wait on a listener and begins their sessions.
// It reports whether there may be more than it takes in one turn.
func (l *loop) accept(ln *listener) (more bool) {
	if l.socks[ln.index] < 0 {
		return false // closed earlier in this turn
	}
	for range acceptBatch {
		fd, err := l.addr.accept(int32(l.socks[ln.index]))
		switch err {
		case nil:
			l.pause.length = 0
			l.begin(ln, fd)
		case unix.EAGAIN:
			return false
		case unix.EINTR, unix.ECONNABORTED:
		default:
			// Descriptors or memory have run out; only time helps.
			l.counters.AcceptErrors++
			l.pauseAccept()
			return false
		}
	}
	return true
}

// begin makes the session of a connection that was accepted, the peer's address
// in l.addr, and takes it as far as it goes.
func (l *loop) begin(ln *listener, fd int32) {
	s := l.take()
	s.listener = ln
	s.client = l.born(fd)
	s.client.ready = true
	s.source = originOf(l.addr.addrPort())
	s.begun = l.clock
	s.deadline = l.in(l.server.snapshot.Timeouts.ConnectPacket)
	if n := len(l.openings); n > 0 {
		s.opening, l.openings = l.openings[n-1], l.openings[:n-1]
	} else {
		s.opening = new(opening)
	}
	s.opening.pool = ln.Pool
	counted := &l.counters.listeners[ln.index]
	counted.Accepted++
	counted.Open++

	process, own := l.server.open.Add(1), ln.open.Add(1)
	over := max(process-l.server.maxConnections, own-ln.limit())
	s.excess = pick(over > 0, RefusedConnections, outcomeNone)
	if over > refusalHeadroom {
		l.finish(s, RefusedConnections)
		return
	}
	l.advance(s)
}

// acceptPause is a loop's rest from accepting while descriptors or memory are
// short.
type acceptPause struct {
	length time.Duration // doubles while it does not help; 0: none
	until  int64         // loop time
	on     bool
}

func (l *loop) pauseAccept() {
	l.pause.length = min(max(l.pause.length*2, acceptBackoffMin), acceptBackoffMax)
	l.pause.until = l.clock + int64(l.pause.length)
	if l.pause.on {
		return
	}
	l.pause.on = true
	for _, fd := range l.socks {
		if fd >= 0 {
			_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, fd, nil)
		}
	}
}

// resumeWhenDue ends the pause when its time is over. Its length stays, for the
// next, until an accept succeeds.
func (l *loop) resumeWhenDue() {
	if l.pause.on && l.clock >= l.pause.until {
		l.pause.on = false
		if l.resumeAccept() != nil {
			l.pauseAccept() // what was short still is
		}
	}
}

// resumeAccept has epoll report connections. The listening sockets are
// level-triggered: what one turn's batch leaves is reported again.
func (l *loop) resumeAccept() error {
	for i, fd := range l.socks {
		if fd < 0 {
			continue
		}
		// A Unix socket is shared by the loops; one of them is to wake.
		e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLEXCLUSIVE, Fd: int32(eventListener - i)}
		if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
			return err
		}
	}
	return nil
}
