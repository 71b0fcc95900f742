package tlsterm

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
)

// ErrShort is what ServerName returns for the beginning of a ClientHello.
var ErrShort = errors.New("TLS: the ClientHello is not whole")

var errPeeked = errors.New("TLS: only the ClientHello is read")

// ServerName is the name that a client asks for (SNI) in the ClientHello at the start of b, "" when it names none. It is
// for TLS that is passed on: nothing is answered. ErrShort wants more bytes; any other error is a *HandshakeError.
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

// replay is a net.Conn that reads what is there and writes nowhere.
type replay struct {
	net.Conn // nil: no other method is called by a handshake that ends at the ClientHello
	rest     []byte
	short    bool // more was asked for than there is
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

// Write implements net.Conn, and drops the alert.
func (r *replay) Write(b []byte) (int, error) { return len(b), nil }

// Close implements net.Conn.
func (r *replay) Close() error { return nil }
