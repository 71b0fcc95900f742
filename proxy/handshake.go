package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
	"mqttlb/proxy/walk"
)

// handshake starts the TLS handshake of a client whose ClientHello is whole. A goroutine waits for the
// listener's gate and then makes it on the borrowed connection.
func (l *loop) handshake(s *session) step {
	o, t := s.pending, s.pending.listener.TLS
	o.helloAt = l.Now()
	left := t.Timeout - time.Duration(o.helloAt-s.begun)
	s.deadline = l.In(left + handshakeGrace) // the goroutine has its own limit, and says what was late
	l.countOpening(s, queuedHandshake)
	c, held := l.borrowClient(s), o.held
	hello := c.rest
	c.rest = nil
	ctx, cancel := context.WithTimeout(context.Background(), left)
	c.returned = cancel
	o.loan = loan{borrower: clientHandshake, conn: c}
	back := l.callback(s)
	open := func() (net.Conn, error) {
		held.set(handshakeMemory + openingSocket + openingSize)
		return c, c.open()
	}
	go func() { // ends with the handshake, t.Timeout, or the session
		defer cancel()
		made, err := t.Gate.Accept(ctx, hello, open, t.Terminator.Config())
		back(func(s *session) { l.resume(s, l.afterHandshake(s, made, err)) })
	}()
	return stepWait
}

// afterHandshake handles the result of a handshake and returns the next step.
func (l *loop) afterHandshake(s *session, made *tlsterm.Session, err error) step {
	o := s.pending
	s.client.readable = true
	if o.releaseMemory() {
		return l.loseOpening(s)
	}
	if err != nil {
		o.reclaim()
		o.fault = handshakeFault(err, o.listener.TLS.Timeout)
		if failed, ok := errors.AsType[*tlsterm.HandshakeError](err); ok {
			o.serverName = failed.ServerName
		}
		o.blameless = blameless(err)
		return l.refuseAndLinger(s, handshakeOutcome(err)) // the alert must still reach the client
	}
	s.listener.handshakes.observe(&latencies, time.Duration(l.Now()-o.helloAt))
	s.deadline = l.In(o.generation.Timeouts.ConnectPacket)
	info := made.Info()
	o.Secured(&info)
	s.client.layers = &layers{tls: made}
	revoked := l.revokes(s) // by a CRL that was read during the handshake
	if revoked || !o.listener.ServesHTTP() {
		l.detach(s)
	}
	o.borrower = nobody
	if revoked {
		return l.leave(s, outcome.CertificateRevoked)
	}
	return stepOpen
}

// detach ends the loan: from here on the loop reads and writes the TLS.
func (l *loop) detach(s *session) {
	s.client.layers.tls.Detach()
	s.pending.reclaim()
}

func handshakeOutcome(err error) outcome.Outcome {
	var failed *tlsterm.HandshakeError
	switch {
	case errors.Is(err, tlsterm.ErrBusy):
		return outcome.RefusedHandshake
	case walk.FailureOf(err).Outcome == outcome.DescriptorsExceeded:
		return outcome.DescriptorsExceeded
	case errors.As(err, &failed) && failed.Reason == tlsterm.ClientGone:
		return outcome.ClientGone
	case errors.Is(err, context.DeadlineExceeded), failed != nil && failed.Reason == tlsterm.Timeout:
		return outcome.ConnectTimeout
	default:
		return outcome.HandshakeFailed
	}
}

// handshakeFault describes a failed handshake for the log.
func handshakeFault(err error, limit time.Duration) string {
	var begun *tlsterm.HandshakeError
	switch {
	case handshakeOutcome(err) != outcome.ConnectTimeout:
		return err.Error()
	case errors.As(err, &begun):
		return fmt.Sprintf("TLS handshake: not over within tls.handshake_timeout %v", limit)
	}
	return fmt.Sprintf("TLS handshake: no turn within tls.handshake_timeout %v; tls.max_handshakes and tls.handshake_rate decide how many begin", limit)
}

// secureNode sends the PROXY header on a new connection to a node and starts the TLS handshake, in a
// goroutine that borrows the connection.
func (l *loop) secureNode(s *session) step {
	o := s.pending
	if s.client.broken {
		return l.finish(s, outcome.ClientGone)
	}
	if o.borrower == nodeHandshake {
		return stepWait
	}
	header, err := l.proxyHeader(s)
	if err != nil {
		l.failAttempt(s, err)
		return stepDial
	}
	if next := l.writeFirst(s, header); next != stepSecure {
		return next
	}
	var unsent []byte // of the header
	if s.server.kept != nil {
		unsent = s.server.kept.bytes
		l.dropKept(&s.server)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &borrowedConn{fd: s.server.fd, remote: net.TCPAddrFromAddrPort(o.dialled), returned: cancel}
	o.loan = loan{borrower: nodeHandshake, conn: c}
	t, node, birth, back := o.pool.TLS, o.node.Name, s.server.birth, l.callback(s)
	go func() { // ends with the handshake, or the attempt: failAttempt and finish close c
		defer cancel()
		made, err := connectTLS(ctx, t, node, c, unsent)
		back(func(s *session) {
			if s.server.birth == birth { // it is still this attempt
				l.resume(s, l.afterNodeHandshake(s, made, err))
			}
		})
	}()
	return stepWait
}

// connectTLS waits for the node's gate and makes the handshake on a borrowed connection. It first
// sends the unsent bytes of the PROXY header.
func connectTLS(ctx context.Context, t *snapshot.NodeTLS, node string, c *borrowedConn, unsent []byte) (made *tlsterm.Session, err error) {
	gate := t.Gates[node]
	if err := gate.Enter(ctx); err != nil {
		return nil, err
	}
	defer func() { gate.Leave(made, err) }()
	if err := c.open(); err != nil {
		return nil, err
	}
	if len(unsent) > 0 {
		if _, err := c.Write(unsent); err != nil {
			return nil, err
		}
	}
	return t.Originator.Connect(ctx, c, node)
}

// afterNodeHandshake handles the result of a handshake with a node and returns the next step.
func (l *loop) afterNodeHandshake(s *session, made *tlsterm.Session, err error) step {
	o := s.pending
	if err != nil {
		if err = l.tryAfterHandshake(s, &tlsterm.NodeError{Err: err}); err == nil {
			return stepSecure
		}
		l.failAttempt(s, err)
		return stepDial
	}
	made.Detach()
	o.reclaim()
	o.left = nil // the node has answered: another address would not help
	s.server.layers = &layers{tls: made}
	s.server.readable = true
	return stepAnnounce
}
