package tlsterm

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
)

// ErrShort means that ServerName needs more bytes of the ClientHello.
var ErrShort = errors.New("TLS: the ClientHello is not whole")

var errPeeked = errors.New("TLS: only the ClientHello is read")

// ServerName returns the name that a client asks for (SNI) in the ClientHello at the start of b, or "". It is for TLS
// that is passed through, so it sends no answer. The error is ErrShort if more bytes are needed, otherwise a
// *HandshakeError.
func ServerName(b []byte) (string, error) {
	var name string
	peeked := false
	replay := replay{rest: b}
	err := tls.Server(&replay, &tls.Config{
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			name, peeked = hello.ServerName, true
			return nil, errPeeked
		},
	}).HandshakeContext(context.Background())
	switch {
	case peeked:
		return name, nil
	case replay.short:
		return "", ErrShort
	default:
		return "", &HandshakeError{Reason: reasonOf(err), Err: err}
	}
}

// replay is a net.Conn that reads from a buffer and discards writes.
type replay struct {
	net.Conn // nil: a handshake that ends at the ClientHello calls no other method
	rest     []byte
	short    bool // a read wanted more bytes than there were
}

// Read implements net.Conn.
func (r *replay) Read(b []byte) (int, error) {
	if len(r.rest) == 0 {
		r.short = true
		return 0, ErrShort
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Write implements net.Conn. It drops the alert.
func (r *replay) Write(b []byte) (int, error) { return len(b), nil }

// Close implements net.Conn.
func (r *replay) Close() error { return nil }
