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
