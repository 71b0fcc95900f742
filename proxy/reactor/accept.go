package reactor

import (
	"slices"
	"syscall"
	"time"
)

// Listen has the loop accept connections on a listening socket, which it owns from now on,
// and returns the socket's number. Where memory for it is short, the loop pauses before it
// tries again. Until the loop runs, any goroutine may call it.
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
		l.handler.AcceptFailed(err)
		l.pauseAccept()
	}
	return listener
}

// StopListening takes the connections that the kernel has taken already, within bounds, and
// closes the listening socket with this number.
func (l *Loop) StopListening(listener int) {
	for n := 0; n < stopBatches && l.accept(listener); n++ {
	}
	l.closeListener(listener)
}

// accept takes connections that wait on a listening socket. It reports whether there
// may be more than it takes in one turn.
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
		case syscall.EINTR, syscall.ECONNABORTED:
		default:
			// Descriptors or memory have run out; only time helps.
			l.handler.AcceptFailed(err)
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

// CloseListeners closes the listening sockets, and resets the connections that the kernel has taken.
func (l *Loop) CloseListeners() {
	for i := range l.socks {
		l.closeListener(i)
	}
}

func (l *Loop) closeListener(i int) {
	if l.socks[i] >= 0 {
		l.poller.ignore(l.socks[i]) // other loops may have the same socket, on a path: its close alone would not end the reports
		Close(l.socks[i])
		l.socks[i] = -1
	}
}

// acceptPause is a loop's rest from accepting while descriptors or memory are
// short.
type acceptPause struct {
	length time.Duration // doubles while it does not help; 0: none
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

// resumeWhenDue ends the pause when its time is over. Its length stays, for the
// next, until an accept succeeds.
func (l *Loop) resumeWhenDue() {
	if l.pause.on && l.clock >= l.pause.until {
		l.pause.on = false
		if l.resumeAccept() != nil {
			l.pauseAccept() // what was short still is
		}
	}
}

// resumeAccept asks for the connections of every listening socket.
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
