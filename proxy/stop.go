package proxy

import "mqttlb/proxy/websocket"

// stop ends accepting; what the kernel has taken already is served.
func (l *loop) stop() {
	l.stopping = true
	l.StopAccepting()
}

// endAll ends every session.
func (l *loop) endAll() {
	l.each(func(s *session) {
		if s.client.held == nil {
			l.closeFrames(s, websocket.GoingAway)
		}
		l.finish(s, Shutdown)
	})
}
