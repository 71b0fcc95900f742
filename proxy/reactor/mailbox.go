package reactor

import "sync"

// mailbox holds functions for a loop to call.
type mailbox struct {
	mu      sync.Mutex // guards the fields below
	mail    []func()
	stopped bool
}

// Do has the loop call f in its own goroutine, in the order of the calls of Do. It
// reports false, and f is not called, when the loop has stopped. Any goroutine may
// call it.
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

// readMail calls what is in the mailbox.
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

// stopMail ends Do, and calls what came before.
func (l *Loop) stopMail() {
	m := &l.mailbox
	m.mu.Lock()
	m.stopped = true
	m.mu.Unlock()
	l.readMail()
}
