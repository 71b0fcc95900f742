package proxy

import (
	"golang.org/x/sys/unix"

	"mqttlb/proxy/websocket"
)

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
	l.each(func(s *session) {
		if s.client.held == nil {
			l.closeFrames(s, websocket.GoingAway)
		}
		l.finish(s, Shutdown)
	})
}

// close frees the loop's descriptors. Mail that came before is read; who comes
// later is told by do.
func (l *loop) close() {
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	l.readMail()
	_ = unix.Close(l.epoll)
	_ = unix.Close(l.wakeup)
}
