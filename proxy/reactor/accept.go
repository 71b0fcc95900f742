package reactor

import (
	"slices"
	"syscall"
	"time"
)

// Listen has the loop accept connections on a listening socket, which the loop owns from now on, and
// returns the socket's number. If the kernel has no memory to watch it, the loop pauses and tries
// again. Any goroutine may call Listen until the loop runs.
func (l *Loop) Listen(fd int32) (listener int) {
	listener = slices.Index(l.socks, -1)
	if listener < 0 {
		listener = len(l.socks)
	}
	if listener == len(l.socks) {
		l.socks = append(l.socks, fd)
	} else {
		l.socks[listener] = fd
	}
	if l.pause.on {
		return listener
	}
	if err := l.poller.listen(fd, int32(tagListener-listener)); err != nil {
		l.handler.AcceptFailed(listener, err)
		l.pauseAccept()
	}
	return listener
}

// StopListening accepts the connections that the kernel has completed, within bounds, and closes the
// listening socket with this number.
func (l *Loop) StopListening(listener int) {
	for n := 0; n < stopBatches && l.accept(listener); n++ {
	}
	l.closeListener(listener)
}

// accept accepts up to AcceptBatch connections from a listening socket. It reports whether more may
// wait.
func (l *Loop) accept(listener int) (more bool) {
	if l.socks[listener] < 0 {
		return false // closed earlier in this turn
	}
	for range AcceptBatch {
		fd, err := l.address.accept(l.socks[listener])
		switch err {
		case nil:
			l.pause.length = 0
			l.handler.Accepted(listener, fd, l.address.addrPort())
		case syscall.EAGAIN:
			return false
		case syscall.EINTR:
		case syscall.ECONNABORTED, syscall.EPROTO, syscall.EPERM:
			l.handler.AcceptFailed(listener, err) // of this connection alone: its client is gone, or a firewall forbids it
		default:
			// Descriptors or memory have run out, and only time helps.
			l.handler.AcceptFailed(listener, err)
			l.pauseAccept()
			return false
		}
	}
	return true
}

// StopAccepting is StopListening for every listening socket.
func (l *Loop) StopAccepting() {
	for i := range l.socks {
		l.StopListening(i)
	}
}

// CloseListeners closes the listening sockets and resets the connections that wait on them.
func (l *Loop) CloseListeners() {
	for i := range l.socks {
		l.closeListener(i)
	}
}

func (l *Loop) closeListener(i int) {
	if l.socks[i] >= 0 {
		l.poller.ignore(l.socks[i]) // other loops may have the same Unix socket, so closing it does not end the reports
		Close(l.socks[i])
		l.socks[i] = -1
	}
}

// acceptPause is the pause of a loop that does not accept because descriptors or memory are short.
type acceptPause struct {
	length time.Duration // of the last pause, doubled for the next; 0: an accept has succeeded since
	until  int64         // loop time
	on     bool
}

func (l *Loop) pauseAccept() {
	l.pause.length = min(max(l.pause.length*2, acceptBackoffMin), acceptBackoffMax)
	l.pause.until = l.clock + int64(l.pause.length)
	if l.pause.on {
		return
	}
	l.pause.on = true
	for _, fd := range l.socks {
		if fd >= 0 {
			l.poller.ignore(fd)
		}
	}
}

// resumeWhenDue ends the pause when its time is over. The next pause depends on its length until an
// accept succeeds.
func (l *Loop) resumeWhenDue() {
	if l.pause.on && l.clock >= l.pause.until {
		l.pause.on = false
		if l.resumeAccept() != nil {
			l.pauseAccept() // memory is still short
		}
	}
}

// resumeAccept watches all listening sockets again.
func (l *Loop) resumeAccept() error {
	for i, fd := range l.socks {
		if fd < 0 {
			continue
		}
		if err := l.poller.listen(fd, int32(tagListener-i)); err != nil {
			return err
		}
	}
	return nil
}
