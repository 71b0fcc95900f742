package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// limitHandshake begins the time of the client's handshake, if its ClientHello is waited for.
func (l *loop) limitHandshake(s *session) {
	o, t := s.opening, s.listener.TLS
	if t == nil || o.handshakeBy != 0 || !o.AwaitsTLS() {
		return
	}
	o.handshakeBy = l.Now() + int64(t.Timeout)
	s.deadline = min(s.deadline, l.In(t.Timeout))
}

// handshake lends the connection of a client whose ClientHello is whole to a goroutine that
// makes the TLS handshake, once the listener's gate lets it.
func (l *loop) handshake(s *session) step {
	o, t := s.opening, s.listener.TLS
	s.deadline = l.connectDeadline(s) // the goroutine has its own
	l.countOpening(s, queuedHandshake)
	c, held := l.lend(s), o.held
	hello := c.rest
	c.rest = nil
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(o.handshakeBy-l.Now()))
	c.returned = cancel
	o.loan = loan{borrower: clientHandshake, conn: c}
	back := l.callback(s)
	open := func() (net.Conn, error) {
		held.set(handshakeMemory)
		return c, c.open()
	}
	go func() { // ends with the handshake, t.Timeout, or the session
		defer cancel()
		made, err := t.Gate.Accept(ctx, hello, open, t.Terminator.Config())
		back(func(s *session) { l.resume(s, l.afterHandshake(s, made, err)) })
	}()
	return stepWait
}

// afterHandshake is the step after a handshake.
func (l *loop) afterHandshake(s *session, made *tlsterm.Session, err error) step {
	o := s.opening
	o.endCount()
	s.client.ready = true
	if err != nil {
		o.loan.reclaim()
		o.fault = err.Error()
		return l.seeOff(s, handshakeOutcome(err)) // its alert is still under way
	}
	info := made.Info()
	o.Secured(&info)
	s.client.secure = &secure{session: made}
	if s.listener.http == nil {
		l.detach(s)
	}
	o.borrower = nobody
	return stepOpen
}

// detach ends the use of the borrowed connection: TLS is the loop's from here on.
func (l *loop) detach(s *session) {
	s.client.secure.session.Detach()
	s.opening.loan.reclaim()
}

func handshakeOutcome(err error) Outcome {
	var failed *tlsterm.HandshakeError
	switch {
	case errors.Is(err, tlsterm.ErrBusy):
		return RefusedHandshake
	case shortage(err) == DescriptorsExceeded:
		return DescriptorsExceeded
	case errors.As(err, &failed) && failed.Reason == tlsterm.ClientGone:
		return ClientGone
	case errors.Is(err, context.DeadlineExceeded), failed != nil && failed.Reason == tlsterm.Timeout:
		return ConnectTimeout
	default:
		return HandshakeFailed
	}
}

// secureNode makes TLS of a new connection to a node: the PROXY header, then the
// handshake, in a goroutine to which the connection is lent.
func (l *loop) secureNode(s *session) step {
	o := s.opening
	if s.client.broken {
		return l.finish(s, ClientGone)
	}
	if o.borrower == nodeHandshake {
		return stepWait
	}
	header, err := l.proxyHeader(s)
	if err != nil {
		l.giveUp(s, err)
		return stepDial
	}
	n, next := l.writeFirst(s, header)
	if next != stepSecure {
		return next
	}
	if n < len(header) {
		l.giveUp(s, errShortWrite)
		return stepDial
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &borrowedConn{fd: s.server.fd, remote: net.TCPAddrFromAddrPort(o.dialled), returned: cancel}
	o.loan = loan{borrower: nodeHandshake, conn: c}
	t, node, birth, back := o.pool.TLS, o.node.Index, s.server.birth, l.callback(s)
	go func() { // ends with the handshake, or the attempt: giveUp and finish close c
		defer cancel()
		made, err := connect(ctx, t, node, c)
		back(func(s *session) {
			if s.server.birth == birth { // it is still this attempt that counts
				l.resume(s, l.afterNodeHandshake(s, made, err))
			}
		})
	}()
	return stepWait
}

// connect makes a handshake with a node on a connection that was lent, when the node's gate lets it.
func connect(ctx context.Context, t *snapshot.NodeTLS, node int, c *borrowedConn) (made *tlsterm.Session, err error) {
	gate := t.Gates[node]
	if err := gate.Enter(ctx); err != nil {
		return nil, err
	}
	defer func() { gate.Leave(made, err) }()
	if err := c.open(); err != nil {
		return nil, err
	}
	return t.Originator.Connect(ctx, c, node)
}

// afterNodeHandshake is the step after a handshake with a node.
func (l *loop) afterNodeHandshake(s *session, made *tlsterm.Session, err error) step {
	o := s.opening
	if err != nil {
		l.giveUp(s, &tlsterm.NodeError{Err: err})
		return stepDial
	}
	made.Detach()
	o.loan.reclaim()
	s.server.secure = &secure{session: made}
	s.server.ready = true
	return stepAnnounce
}

// secure is the TLS of a half. It stands between the descriptor and every step:
// what is received is unsealed, what is sent is sealed.
type secure struct {
	session *tlsterm.Session
	end     error // why nothing more will come; io.EOF: the other side has said so
}

// broken reports whether TLS itself has ended the session: neither an end of stream
// nor the socket. Of nil it has not.
func (t *secure) broken() bool {
	if t == nil || t.end == nil || t.end == io.EOF || t.end == io.ErrUnexpectedEOF {
		return false
	}
	_, socket := errors.AsType[syscall.Errno](t.end)
	return !socket
}

// receive reads what a half has sent, as read does.
func (l *loop) receive(h *half, b []byte) (int, error) {
	if h.secure == nil {
		return reactor.Receive(h.fd, b)
	}
	return l.unseal(h, b)
}

// send writes to a half that holds nothing, as write does. What TLS has sealed is
// taken in any case: the half holds what the socket does not take.
func (l *loop) send(h *half, b []byte) (int, error) {
	if h.secure == nil {
		return reactor.Send(h.fd, b)
	}
	var err error
	if l.sealed, err = h.secure.session.Seal(l.sealed[:0], b); err != nil {
		return 0, err
	}
	return len(b), l.sendSealed(h)
}

// sendSealed sends l.sealed to a half, after what is held for it.
func (l *loop) sendSealed(h *half) error {
	if h.held != nil {
		if len(*h.held)+len(l.sealed) > 4*scratchSize {
			return syscall.ENOBUFS // it asks and does not read
		}
		h.hold(l.sealed)
		return nil
	}
	n, err := reactor.Send(h.fd, l.sealed)
	if err == nil && n < len(l.sealed) {
		h.hold(l.sealed[n:])
	}
	return err
}

// unseal is read for a half that speaks TLS: it fills b, or reads all that there is.
func (l *loop) unseal(h *half, b []byte) (n int, err error) {
	t := h.secure
	for drained := false; n < len(b) && t.end == nil; {
		got, err := t.session.Read(b[n:])
		n += got
		switch {
		case err == nil:
		case err != tlsterm.ErrWouldBlock:
			t.end = err
		case drained:
			return n, l.settle(h, n)
		default:
			drained = l.feed(h)
		}
	}
	t.session.Hold() // the ciphertext is in the loop's buffer
	return n, l.settle(h, n)
}

// feed reads a half's socket and reports whether that has no more.
func (l *loop) feed(h *half) (drained bool) {
	t := h.secure
	if l.cipher == nil {
		l.cipher = make([]byte, cipherSize)
	}
	n, err := reactor.Receive(h.fd, l.cipher)
	switch {
	case err == reactor.ErrAgain:
		return true
	case err != nil:
		t.end = err
	case n == 0:
		t.session.FeedEOF()
	default:
		t.session.Feed(l.cipher[:n])
		return n < len(l.cipher) && !h.drain
	}
	return false
}

// settle sends what TLS itself has to say and makes an error of what n bytes of
// plaintext have come with.
func (l *loop) settle(h *half, n int) error {
	t := h.secure
	if l.sealed = t.session.Owed(l.sealed[:0]); len(l.sealed) > 0 {
		if err := l.sendSealed(h); err != nil && t.end == nil {
			t.end = err
		}
	}
	switch {
	case n > 0:
		h.drain = h.drain || t.end != nil // the end comes with the next read
		return nil
	case t.end == nil:
		return reactor.ErrAgain
	case t.end == io.EOF || t.end == io.ErrUnexpectedEOF:
		return nil
	default:
		return t.end
	}
}

// closeNotify ends our stream of TLS to a half, if it speaks TLS.
func (l *loop) closeNotify(h *half) {
	if h.secure != nil {
		l.sealed = h.secure.session.CloseNotify(l.sealed[:0])
		_ = l.sendSealed(h)
	}
}
