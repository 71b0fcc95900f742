//go:build !plain

package proxy

import (
	"errors"

	"golang.org/x/sys/unix"
)

// connect begins a connection to the session's node.
func (l *loop) connect(s *session) error {
	addrs := s.opening.node.Addrs()
	if len(addrs) == 0 {
		return errUnresolved
	}
	s.opening.dialled = addrs[0]
	l.addr.set(addrs[0])
	fd, err := unix.Socket(l.addr.family(), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	s.server = l.born(int32(fd))
	// Otherwise a small packet waits for the acknowledgement of the one before.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if s.idle == 0 {
		// No idle limit will find out that the node's machine is gone.
		keepAlive(fd)
	}
	return l.addr.connect(s.server.fd)
}

// giveUp drops the connection to a node that could not be made.
func (l *loop) giveUp(s *session, err error) {
	o := s.opening
	if o.nodeLent != nil {
		_ = o.nodeLent.Close()
		o.nodeLent = nil
	}
	if s.server.fd >= 0 {
		if timedOut(err) { // with a reset: what the node has not accepted it then need not
			_ = unix.SetsockoptLinger(int(s.server.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		}
		_ = unix.Close(int(s.server.fd))
		s.server = half{fd: -1}
	}
	o.node.Release()
	o.reason, o.failure = shortage(err), failure(o.node, err)
	o.walk.timedOut = o.walk.timedOut || timedOut(err)
	if failed := o.pool.DialFailed; failed != nil && o.reason == DialFailed && err != errHandshakeTurn {
		failed(o.node)
	}
	l.counters.flows[s.listener.index][s.listener.lane(o.pool, o.node)].DialErrors++
	l.server.journal.dialFailed(s.listener, o.node, err)
	o.node = nil
}

// announce writes the PROXY header and the CONNECT, in one, as soon as the
// connection takes them.
func (l *loop) announce(s *session) step {
	if s.client.broken {
		return l.finish(s, ClientGone)
	}
	if s.opening.walk.unproven > 0 {
		return l.prove(s)
	}
	first, err := l.firstBytes(s)
	if err != nil {
		l.giveUp(s, err)
		return stepDial
	}
	n, next := l.writeFirst(s, first)
	if next != stepAnnounce {
		return next
	}
	if s.server.secure != nil {
		quickAck(s.server.fd)
	}
	if s.opening.pool.WebSocket {
		if n < len(first) || s.server.held != nil { // TLS takes all, and its half holds the rest
			l.giveUp(s, errShortWrite)
			return stepDial
		}
		s.opening.answer = nil
		return stepSwitch
	}
	if n == len(first) && n > 0 && l.doubtful(s) {
		return l.doubt(s, n)
	}
	return l.reached(s, first[n:])
}

// writeFirst writes to a node what comes first, and returns how much of it. A
// connection that is still being made takes nothing, and the step to take is
// stepWait; on loopback it is made at once.
func (l *loop) writeFirst(s *session, first []byte) (n int, next step) {
	var err error
	if len(first) > 0 {
		n, err = l.send(&s.server, first)
	} else {
		err = connected(s.server.fd)
	}
	switch {
	case err == unix.ENOTCONN || err == nil && n == 0 && len(first) > 0:
		s.server.blocked = true // epoll tells when it is made
		return 0, stepWait
	case err != nil:
		l.giveUp(s, l.alertBefore(s, err))
		return 0, stepDial
	}
	return n, s.step
}

// reached begins what a session does on its node, once that has taken the first
// bytes, or all but rest of them.
func (l *loop) reached(s *session, rest []byte) step {
	o := s.opening
	s.flow = &l.counters.flows[s.listener.index][s.listener.lane(o.pool, o.node)]
	s.flow.Open++
	s.flow.Total++
	s.flow.Received += uint64(len(o.bytes))
	if len(rest) > 0 {
		s.server.hold(rest)
	}
	l.keepForTLS(s)
	s.active, s.deadline = l.wheel.now, l.in(connackTime)
	if s.listener.opaque() {
		l.opened(s)
		return stepRelay
	}
	if s.server.held == nil && l.catchUp(s) {
		return stepEnded
	}
	return stepConfirm
}

// connected is ENOTCONN while a connection is being made, or why it was not.
func connected(fd int32) error {
	if v, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR); err != nil || v != 0 {
		return errors.Join(err, unix.Errno(v))
	}
	_, err := unix.Getpeername(int(fd))
	return err
}

// firstBytes is what a node gets first: the PROXY header, if its pool speaks
// PROXY and it is not sent yet, and what the client has sent so far. Good until the
// scratch buffer is used again.
func (l *loop) firstBytes(s *session) ([]byte, error) {
	o := s.opening
	var header []byte
	if s.server.secure == nil { // else it is before the handshake
		var err error
		if header, err = l.proxyHeader(s); err != nil {
			return nil, err
		}
	}
	if o.pool.WebSocket {
		return l.upgradeBytes(s, header), nil
	}
	if len(header) == 0 {
		return o.bytes, nil
	}
	if o.owned || len(o.bytes) == 0 {
		return append(append(l.scratch[:0], header...), o.bytes...), nil
	}
	// The client's bytes are in the scratch buffer, with room before them.
	start := cap(l.scratch) - cap(o.bytes)
	return append(append(l.scratch[start-len(header):start-len(header)], header...), o.bytes...), nil
}

// upgradeBytes is what a node that speaks WebSocket gets first, in one write: some
// read the PROXY header once and give it a second.
func (l *loop) upgradeBytes(s *session, header []byte) []byte {
	s.opening.keep()
	return s.opening.entrance.request.Append(append(l.scratch[:0], header...))
}

// proxyHeader is the PROXY header for the session's node, in l.header; empty where
// its pool speaks no PROXY.
func (l *loop) proxyHeader(s *session) ([]byte, error) {
	o := s.opening
	if o.pool.SendProxy == 0 {
		return nil, nil
	}
	source, destination := s.source.addrPort(), o.destination
	if !source.IsValid() {
		// A client on a Unix socket has no address: this is our own connection.
		if err := l.addr.local(s.server.fd); err != nil {
			return nil, err
		}
		source, destination = l.addr.addrPort(), o.dialled
	} else if !destination.IsValid() {
		if err := l.addr.local(s.client.fd); err != nil {
			return nil, err
		}
		destination = l.addr.addrPort()
		o.destination = destination
	}
	header, err := announce(l.header[:0], o.pool.SendProxy, source, destination)
	if err == nil && o.tls != nil && o.pool.SendProxy == 2 {
		header = withTLS(header, o.tls)
	}
	return header, err
}
