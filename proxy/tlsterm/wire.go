package tlsterm

import (
	"crypto/tls"
	"io"
	"net"
	"time"
)

// wire is the net.Conn below a tls.Conn: the connection itself until Detach, memory afterwards.
type wire struct {
	raw    net.Conn // nil: detached
	done   bool     // the handshake has succeeded; written when no other goroutine can call Close any more
	budget int      // bytes that the handshake may still read
	last   [7]byte  // the last bytes that the handshake read: as many as an alert in its own record

	wait func(read func()) // calls a read of the handshake that may wait for the peer; nil: the read is called directly

	in   []byte // ciphertext that the tls.Conn has not read yet
	out  []byte // ciphertext that the session's owner has not taken yet
	held bool   // the session owns the memory of in

	ended bool // no ciphertext follows in
	cut   bool // the tls.Conn has read that end, which is not a close_notify
}

// wouldBlockError is the error of a wire without bytes. A tls.Conn does not treat a Temporary net.Error as an end: it
// keeps a partial record, and Read may be called again.
type wouldBlockError struct{}

func (wouldBlockError) Error() string { return "TLS: no more ciphertext has arrived" }

// Timeout implements net.Error.
func (wouldBlockError) Timeout() bool { return true }

// Temporary implements net.Error.
func (wouldBlockError) Temporary() bool { return true }

// Read implements net.Conn.
func (w *wire) Read(b []byte) (int, error) {
	if w.raw != nil {
		return w.readRaw(b)
	}
	if len(w.in) == 0 {
		if w.ended {
			w.cut = true
			return 0, io.EOF
		}
		return 0, ErrWouldBlock
	}
	n := copy(b, w.in)
	w.in = w.in[n:]
	if len(w.in) == 0 {
		w.in, w.held = nil, false
	}
	return n, nil
}

func (w *wire) readRaw(b []byte) (n int, err error) {
	if len(w.in) == 0 && w.done {
		return w.raw.Read(b)
	}
	if w.budget == 0 {
		return 0, errHandshakeTooLong
	}
	b = b[:min(len(b), w.budget)]
	switch {
	case len(w.in) > 0:
		n = copy(b, w.in)
		w.in = w.in[n:]
	case w.wait != nil:
		w.wait(func() { n, err = w.raw.Read(b) })
	default:
		n, err = w.raw.Read(b)
	}
	w.budget -= n
	k := min(n, len(w.last))
	copy(w.last[:], w.last[k:])
	copy(w.last[len(w.last)-k:], b[n-k:n])
	return n, err
}

// alert returns the last message of the client if it is a fatal alert without encryption. OpenSSL's client sends one when
// it rejects a certificate in TLS 1.3, against RFC 8446, 5.1, because it does not use its own keys yet. crypto/tls sees a
// record that it cannot decrypt.
func (w *wire) alert() (tls.AlertError, bool) {
	const kind, fatal = 21, 2
	b := w.last
	return tls.AlertError(b[6]), b[0] == kind && b[1] == 3 && b[3] == 0 && b[4] == 2 && b[5] == fatal
}

// Write implements net.Conn.
func (w *wire) Write(b []byte) (int, error) {
	if w.raw != nil {
		return w.raw.Write(b)
	}
	w.out = append(w.out, b...)
	return len(b), nil
}

// Close implements net.Conn. During the handshake it only wakes the handshake: crypto/tls calls Close when its
// context is done, but another owner closes the connection.
func (w *wire) Close() error {
	switch {
	case w.raw == nil:
		return nil
	case !w.done:
		return w.raw.SetDeadline(time.Unix(1, 0))
	}
	return w.raw.Close()
}

// LocalAddr implements net.Conn; nil after Detach.
func (w *wire) LocalAddr() net.Addr {
	if w.raw == nil {
		return nil
	}
	return w.raw.LocalAddr()
}

// RemoteAddr implements net.Conn; nil after Detach.
func (w *wire) RemoteAddr() net.Addr {
	if w.raw == nil {
		return nil
	}
	return w.raw.RemoteAddr()
}

// SetDeadline implements net.Conn, and does nothing after Detach.
func (w *wire) SetDeadline(t time.Time) error { return w.deadline(t, net.Conn.SetDeadline) }

// SetReadDeadline implements net.Conn, and does nothing after Detach.
func (w *wire) SetReadDeadline(t time.Time) error { return w.deadline(t, net.Conn.SetReadDeadline) }

// SetWriteDeadline implements net.Conn, and does nothing after Detach.
func (w *wire) SetWriteDeadline(t time.Time) error { return w.deadline(t, net.Conn.SetWriteDeadline) }

func (w *wire) deadline(t time.Time, set func(net.Conn, time.Time) error) error {
	if w.raw == nil {
		return nil
	}
	return set(w.raw, t)
}
