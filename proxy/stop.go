package proxy

import "mqttlb/proxy/outcome"

// stop ends accepting. Connections that the kernel has completed are still served.
func (l *loop) stop() {
	l.stopping = true
	l.StopAccepting()
}

// leaveShare has one of the given number of parts of the remaining sessions leave.
func (l *loop) leaveShare(parts int) {
	staying := 0
	l.eachSession(func(s *session) {
		if s.step < stepLeave {
			staying++
		}
	})
	for share := (staying + parts - 1) / parts; share > 0; l.leaving++ {
		s := l.sessions.At(l.leaving % uint32(l.sessions.Cap()))
		if s.listener != nil && s.step < stepLeave {
			share--
			l.resume(s, l.leave(s, outcome.Shutdown))
		}
	}
}

// endAll ends every session at once. It says goodbye if the sockets take it now.
func (l *loop) endAll() {
	l.eachSession(func(s *session) {
		next := s.step
		if next < stepLeave {
			next = l.leave(s, outcome.Shutdown)
		}
		if next == stepLeave {
			next = l.sayGoodbye(s)
		}
		if next != stepEnded {
			l.finish(s, s.outcome)
		}
	})
}
