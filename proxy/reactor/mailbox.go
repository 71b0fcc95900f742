package reactor

import "sync"

// mailbox holds functions that a loop will call.
type mailbox struct {
	mu      sync.Mutex // guards the fields below
	mail    []func()
	stopped bool
}

// Do has the loop call f in its own goroutine. Functions are called in the order of the calls of Do.
// If the loop has stopped, Do returns false and f is not called. Any goroutine may call Do.
func (l *Loop) Do(f func()) bool {
	m := &l.mailbox
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return false
	}
	m.mail = append(m.mail, f)
	l.poller.wake()
	return true
}

// readMail calls the functions in the mailbox.
func (l *Loop) readMail() {
	m := &l.mailbox
	m.mu.Lock()
	mail := m.mail
	m.mail = nil
	m.mu.Unlock()
	for _, f := range mail {
		f()
	}
}

// stopMail makes Do return false, and calls the functions given to it before.
func (l *Loop) stopMail() {
	m := &l.mailbox
	m.mu.Lock()
	m.stopped = true
	m.mu.Unlock()
	l.readMail()
}
