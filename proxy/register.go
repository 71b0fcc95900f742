package proxy

import "mqttlb/proxy/reactor"

// The sides of a session, for reactor.Target.
const (
	clientSide = iota
	serverSide
)

// target returns the target for the events of a stream.
func (s *session) target(h *stream) reactor.Target {
	side := uint8(clientSide)
	if h == &s.server {
		side = serverSide
	}
	return reactor.Target{Slot: s.slot, Side: side, Birth: h.birth}
}

// register asks for the events that the stream waits for, unless it has asked before. An event costs
// one report and no change of the registration.
func (l *loop) register(s *session, h *stream) error {
	want := reactor.WatchInput
	if h.wantsRoom {
		want = reactor.WatchInputAndRoom
	}
	if h.watch == want || h.fd < 0 {
		return nil
	}
	before := h.watch
	h.watch = want
	return l.Watch(h.fd, s.target(h), before, want)
}

// rearm has a stream reported once more that has more to read than one turn allows. Bytes that TLS
// already holds do not show at the socket: a stream with layers continues by mail.
func (l *loop) rearm(s *session, h *stream) {
	if h.layers != nil {
		l.callback(s)(func(s *session) { l.resume(s, s.step) })
		return
	}
	if h.watch != reactor.WatchNothing { // register will have it reported for the first time
		_ = l.Watch(h.fd, s.target(h), h.watch, h.watch)
	}
}
