//go:build linux

package bench

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

// maxPlaintext is the largest content of a TLS record (RFC 8446, 5.1).
const maxPlaintext = 1 << 14

// clientTLS is the TLS of one client.
type clientTLS struct {
	conn *tls.Conn
	wire memConn
}

// open decrypts b, which the loop has read, and appends the plaintext to dst. It may
// return an error together with plaintext.
func (s *clientTLS) open(b, dst []byte) ([]byte, error) {
	s.wire.in = b
	for {
		dst = slices.Grow(dst, maxPlaintext)
		n, err := s.conn.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case err == nil:
		case errors.Is(err, errNoCiphertext):
			return dst, nil
		case errors.Is(err, io.EOF):
			return dst, errClosed
		default:
			return dst, fmt.Errorf("TLS: %w", err)
		}
	}
}

// memConn is the net.Conn below a tls.Conn. During the handshake it is the descriptor, and a
// Read or Write waits for an event of the loop. Afterwards it is memory: bytes that the
// loop has read or is to send.
type memConn struct {
	fd    int
	ready chan struct{} // holds one event of the descriptor; closed when the fleet ends; valid during the handshake
	in    []byte        // bytes that the tls.Conn has not read yet
	out   *[]byte       // nil during the handshake
}

// errNoCiphertext is the error of a memConn whose in is used up. A tls.Conn does not treat a
// Temporary net.Error as an end: it keeps a partial record, and Read may be called again.
var errNoCiphertext net.Error = noCiphertextError{}

type noCiphertextError struct{}

func (noCiphertextError) Error() string { return "no more ciphertext has arrived" }

// Timeout implements net.Error.
func (noCiphertextError) Timeout() bool { return true }

// Temporary implements net.Error.
func (noCiphertextError) Temporary() bool { return true }

// Read implements net.Conn.
func (d *memConn) Read(b []byte) (int, error) {
	if d.out != nil {
		if len(d.in) == 0 {
			return 0, errNoCiphertext
		}
		n := copy(b, d.in)
		d.in = d.in[n:]
		return n, nil
	}
	for {
		n, eof, err := read(d.fd, b)
		switch {
		case eof:
			return 0, io.EOF
		case n > 0 || err != nil:
			return n, err
		}
		if _, ok := <-d.ready; !ok {
			return 0, net.ErrClosed
		}
	}
}

// Write implements net.Conn.
func (d *memConn) Write(b []byte) (int, error) {
	if d.out != nil {
		*d.out = append(*d.out, b...)
		return len(b), nil
	}
	for rest := b; ; {
		var err error
		if rest, err = write(d.fd, rest); err != nil || len(rest) == 0 {
			return len(b) - len(rest), err
		}
		if _, ok := <-d.ready; !ok {
			return len(b) - len(rest), net.ErrClosed
		}
	}
}

// wake tells the handshake that the descriptor has an event.
func (d *memConn) wake() {
	select {
	case d.ready <- struct{}{}:
	default: // it has not handled the last one yet, and will see this one, too
	}
}

// Close implements net.Conn and does nothing, because the fleet owns the descriptor.
func (d *memConn) Close() error { return nil }

// LocalAddr implements net.Conn. Nothing calls it.
func (d *memConn) LocalAddr() net.Addr { return nil }

// RemoteAddr implements net.Conn. Only a tls.Conn without a server name calls it, and
// every client of the fleet has one.
func (d *memConn) RemoteAddr() net.Addr { return nil }

// SetDeadline implements net.Conn and does nothing, because the fleet has its own time
// limits.
func (d *memConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn and does nothing.
func (d *memConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn and does nothing.
func (d *memConn) SetWriteDeadline(time.Time) error { return nil }
