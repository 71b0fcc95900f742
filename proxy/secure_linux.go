//go:build !plain

package proxy

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sys/unix"

	"mqttlb/proxy/tlsterm"
)

// handshake lends the client's connection to a goroutine that makes its TLS
// handshake, once the listener's gate lets it.
func (l *loop) handshake(s *session) step {
	o, t := s.opening, s.listener.TLS
	if o.lent != nil {
		return stepWait
	}
	c, err := l.lend(s)
	if err != nil {
		return l.finish(s, DescriptorsExceeded)
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.Timeout)
	o.lent, c.returned = c, cancel
	back := l.callback(s)
	go func() { // ends with the handshake, t.Timeout, or the session
		defer cancel()
		var made *tlsterm.Session
		err := t.Gate.Enter(ctx)
		if err == nil {
			made, err = tlsterm.Accept(ctx, c, t.Terminator.Config())
			t.Gate.Leave(made, err)
		}
		back(func(s *session) { l.resume(s, l.shaken(s, made, err)) })
	}()
	return stepWait
}

// shaken is the step after a handshake.
func (l *loop) shaken(s *session, made *tlsterm.Session, err error) step {
	o := s.opening
	s.client.ready = true
	if err != nil {
		_ = o.lent.Close()
		o.lent = nil
		o.fault = err.Error()
		return l.seeOff(s, handshakeOutcome(err)) // its alert is still under way
	}
	info := made.Info()
	o.tls = &info
	s.secure = &secure{session: made}
	if s.listener.front != nil {
		return stepUpgrade
	}
	l.detach(s)
	return stepPeek
}

// detach ends the use of the lent connection: TLS is the loop's from here on.
func (l *loop) detach(s *session) {
	s.secure.session.Detach()
	_ = s.opening.lent.Close()
	s.opening.lent = nil
}

func handshakeOutcome(err error) Outcome {
	var failed *tlsterm.HandshakeError
	switch {
	case errors.Is(err, tlsterm.ErrBusy):
		return RefusedHandshake
	case errors.As(err, &failed) && failed.Reason == tlsterm.ClientGone:
		return ClientGone
	case errors.Is(err, context.DeadlineExceeded), failed != nil && failed.Reason == tlsterm.Timeout:
		return ConnectTimeout
	default:
		return HandshakeFailed
	}
}

// secure is the TLS of a session's client. It stands between the descriptor and
// every step: what is received is unsealed, what is sent is sealed.
type secure struct {
	session *tlsterm.Session
	end     error // why nothing more will come; io.EOF: the client has said so
}

// receive reads what a half has sent, as read does.
func (l *loop) receive(s *session, h *half, b []byte) (int, error) {
	if s.secure == nil || h != &s.client {
		return read(h.fd, b)
	}
	return l.unseal(s, b)
}

// send writes to a half that holds nothing, as write does. What TLS has sealed is
// taken in any case: the half holds what the socket does not take.
func (l *loop) send(s *session, h *half, b []byte) (int, error) {
	if s.secure == nil || h != &s.client {
		return write(h.fd, b)
	}
	var err error
	if l.sealed, err = s.secure.session.Seal(l.sealed[:0], b); err != nil {
		return 0, err
	}
	return len(b), l.sendSealed(s)
}

// sendSealed sends l.sealed to the client, after what is held for it.
func (l *loop) sendSealed(s *session) error {
	h := &s.client
	if h.held != nil {
		if len(*h.held)+len(l.sealed) > 4*scratchSize {
			return unix.ENOBUFS // it asks and does not read
		}
		h.hold(l.sealed)
		return nil
	}
	n, err := write(h.fd, l.sealed)
	if err == nil && n < len(l.sealed) {
		h.hold(l.sealed[n:])
	}
	return err
}

// unseal is read for a client of TLS: it fills b, or reads all that there is.
func (l *loop) unseal(s *session, b []byte) (n int, err error) {
	t := s.secure
	for drained := false; n < len(b) && t.end == nil; {
		got, err := t.session.Read(b[n:])
		n += got
		switch {
		case err == nil:
		case err != tlsterm.ErrWouldBlock:
			t.end = err
		case drained:
			return n, l.settle(s, n)
		default:
			drained = l.feed(s)
		}
	}
	t.session.Hold() // the ciphertext is in the loop's buffer
	return n, l.settle(s, n)
}

// feed reads the client's socket and reports whether that has no more.
func (l *loop) feed(s *session) (drained bool) {
	t, h := s.secure, &s.client
	if l.cipher == nil {
		l.cipher = make([]byte, cipherSize)
	}
	n, err := read(h.fd, l.cipher)
	switch {
	case err == unix.EAGAIN:
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
func (l *loop) settle(s *session, n int) error {
	t := s.secure
	if l.sealed = t.session.Owed(l.sealed[:0]); len(l.sealed) > 0 {
		if err := l.sendSealed(s); err != nil && t.end == nil {
			t.end = err
		}
	}
	switch {
	case n > 0:
		s.client.drain = s.client.drain || t.end != nil // the end comes with the next read
		return nil
	case t.end == nil:
		return unix.EAGAIN
	case t.end == io.EOF || t.end == io.ErrUnexpectedEOF:
		return nil
	default:
		return t.end
	}
}

// closeNotify ends our stream of TLS to the client, if it speaks TLS.
func (l *loop) closeNotify(s *session) {
	if s.secure != nil {
		l.sealed = s.secure.session.CloseNotify(l.sealed[:0])
		_ = l.sendSealed(s)
	}
}
