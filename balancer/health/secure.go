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

// handshake makes the TLS handshake on conn with secure, which is that of the check. After an
// error the caller still owns conn.
func (p *prober) handshake(ctx context.Context, conn net.Conn, n *balancer.Node, secure secureFunc) (nodeConn, error) {
	secured, err := secure(ctx, conn, n)
	if err == nil {
		return secured.(nodeConn), nil
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

// secureFunc is the type of Check.Secure.
type secureFunc = func(ctx context.Context, conn net.Conn, n *balancer.Node) (net.Conn, error)

// isAlert reports whether the node ended TLS with an alert. In TLS 1.3 our handshake is
// over before a node can reject our certificate (RFC 8446, 4.4.4).
func isAlert(err error) bool {
	alert, ok := errors.AsType[*net.OpError](err) // crypto/tls does not export the type inside
	return ok && alert.Op == "remote error"
}

// alertBefore returns the alert that explains the failed write, or err if there is no
// alert.
func alertBefore(err error, conn net.Conn) error {
	if _, alert := conn.Read(make([]byte, 1)); isAlert(alert) {
		return fmt.Errorf("after the TLS handshake: %w", alert)
	}
	return err
}
