//go:build !plain

package proxy

import "golang.org/x/sys/unix"

// do has the loop call f in its own goroutine. It reports false, and does not
// call f, when the loop has stopped.
func (l *loop) do(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	l.mail = append(l.mail, f)
	one := [8]byte{0: 1}
	_, _ = unix.Write(l.wakeup, one[:])
	return true
}

func (l *loop) readMail() {
	var count [8]byte
	_, _ = unix.Read(l.wakeup, count[:])
	l.mu.Lock()
	mail := l.mail
	l.mail = nil
	l.mu.Unlock()
	for _, f := range mail {
		f()
	}
}

// stop ends accepting; what the kernel has taken already is served.
func (l *loop) stop() {
	l.stopping = true
	for i, fd := range l.socks {
		if fd >= 0 {
			for n := 0; n < stopBatches && l.accept(l.server.listeners[i]); n++ {
			}
			_ = unix.Close(fd)
			l.socks[i] = -1
		}
	}
}

// endAll ends every session.
func (l *loop) endAll() {
	l.each(func(s *session) { l.finish(s, Shutdown) })
}

// close frees the loop's descriptors. Mail that came too late is read by
// nobody, so its senders are told by do.
func (l *loop) close() {
	l.readMail()
	l.mu.Lock()
	l.stopped = true
	late := l.mail
	l.mail = nil
	l.mu.Unlock()
	for _, f := range late {
		f()
	}
	_ = unix.Close(l.epoll)
	_ = unix.Close(l.wakeup)
}
