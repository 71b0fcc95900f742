package proxy

import "golang.org/x/sys/unix"

// register asks epoll for what the half waits for, if it is not doing so yet.
// Events are edge-triggered: each costs one report, and none a change of the
// registration.
func (l *loop) register(s *session, h *half, side int32) error {
	want := watchInput
	if h.blocked {
		want = watchInputAndRoom
	}
	if h.watch == want || h.fd < 0 {
		return nil
	}
	op := unix.EPOLL_CTL_MOD
	if h.watch == watchNothing {
		op = unix.EPOLL_CTL_ADD
	}
	h.watch = want
	return l.control(op, s, h, side)
}

// rearm has epoll report a half once more that has more to read than one turn
// allows. What TLS has of it already does not show at the socket: a half that speaks
// TLS goes on by mail.
func (l *loop) rearm(s *session, h *half) {
	if h.secure != nil {
		l.callback(s)(func(s *session) { l.resume(s, s.step) })
		return
	}
	side := int32(0)
	if h == &s.server {
		side = 1
	}
	_ = l.control(unix.EPOLL_CTL_MOD, s, h, side)
}

func (l *loop) control(op int, s *session, h *half, side int32) error {
	events := uint32(unix.EPOLLIN | unix.EPOLLPRI | unix.EPOLLRDHUP | unix.EPOLLET)
	if h.watch == watchInputAndRoom {
		events |= unix.EPOLLOUT
	}
	e := unix.EpollEvent{Events: events, Fd: int32(s.slot)*2 + side, Pad: int32(h.birth)}
	return unix.EpollCtl(l.epoll, op, int(h.fd), &e)
}
