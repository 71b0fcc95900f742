package health

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"mqttlb/balancer"
)

// handshake puts TLS on conn, which stays the caller's when there is an error.
func (p *prober) handshake(ctx context.Context, conn net.Conn, n *balancer.Node) (line, error) {
	secured, err := p.check.Secure(ctx, conn, n)
	if err == nil {
		return secured.(line), nil
	}
	unverified, isUnverified := errors.AsType[*tls.CertificateVerificationError](err)
	_, isPlain := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case isUnverified:
		return nil, fmt.Errorf("TLS: %s", strings.TrimPrefix(unverified.Err.Error(), "x509: "))
	case isPlain:
		return nil, errors.New("its answer to a TLS handshake is no TLS")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errors.New("it closed the connection in the TLS handshake")
	case ctx.Err() != nil:
		return nil, fmt.Errorf("no TLS handshake within timeout %v", p.check.Timeout)
	}
	return nil, fmt.Errorf("TLS handshake: %w", err)
}

// isAlert reports whether a node ended TLS with an alert. To one that does not
// take our certificate the handshake of TLS 1.3 is over before it can say so
// (RFC 8446, 4.4.4).
func isAlert(err error) bool {
	alert, ok := errors.AsType[*net.OpError](err) // the type inside is not exported
	return ok && alert.Op == "remote error"
}

// alertBefore returns the alert that tells why a write failed with err; without
// one, err.
func alertBefore(err error, conn net.Conn) error {
	if _, alert := conn.Read(make([]byte, 1)); isAlert(alert) {
		return fmt.Errorf("after the TLS handshake: %w", alert)
	}
	return err
}
