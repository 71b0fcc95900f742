package web

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// bodyError is what went wrong with the body that a client sends.
type bodyError struct{ error }

func (e *bodyError) Unwrap() error { return e.error }

// clientBody is the body of a request within its limits of bytes and time: every
// read has a time of its own.
type clientBody struct {
	io.ReadCloser
	conn   *http.ResponseController
	stall  time.Duration
	failed atomic.Pointer[bodyError] // nil as long as all is well
}

func newClientBody(w http.ResponseWriter, body io.ReadCloser, limit int64, stall time.Duration) *clientBody {
	if limit > 0 {
		body = http.MaxBytesReader(w, body, limit)
	}
	return &clientBody{ReadCloser: body, conn: http.NewResponseController(w), stall: stall}
}

func (b *clientBody) Read(p []byte) (int, error) {
	_ = b.conn.SetReadDeadline(time.Now().Add(b.stall))
	n, err := b.ReadCloser.Read(p)
	if err == nil {
		return n, nil
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		// The server goes on reading, to learn of a client that leaves, for as
		// long as the response takes.
		_ = b.conn.SetReadDeadline(time.Time{})
	}
	if err != io.EOF {
		failed := &bodyError{err}
		b.failed.Store(failed)
		err = failed
	}
	return n, err
}

// clientWriter is a ResponseWriter that gives every write a time of its own. The
// server's last flush has what is left of it; then the server lifts the deadline.
type clientWriter struct {
	http.ResponseWriter
	conn     *http.ResponseController
	stall    time.Duration
	expects  bool // the client has sent "Expect: 100-continue"
	hijacked bool
}

func newClientWriter(w http.ResponseWriter, r *http.Request, stall time.Duration) *clientWriter {
	return &clientWriter{
		ResponseWriter: w, conn: http.NewResponseController(w), stall: stall,
		expects: r.Header.Get("Expect") != "",
	}
}

// WriteHeader passes a header of the node's on, and of the informational ones those that a
// client gets who expects no 100. To one who does, the server itself says 100 when the body is
// first read, which is when the node has asked for it; the node's own would be a second one,
// and any other would be written at the same time by another goroutine.
func (w *clientWriter) WriteHeader(code int) {
	if w.expects && code < 200 && code != http.StatusSwitchingProtocols {
		return
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *clientWriter) Write(b []byte) (int, error) {
	_ = w.conn.SetWriteDeadline(time.Now().Add(w.stall))
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController, which flushes.
func (w *clientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack hands the connection over for an upgrade. What the client sent without
// waiting for the 101 comes first: ReverseProxy would lose it.
func (w *clientWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := w.conn.Hijack()
	if err != nil {
		return nil, nil, err
	}
	w.hijacked = true
	return &upgradedConn{boundedConn{Conn: conn, stall: w.stall}, buffered.Reader}, buffered, nil
}

// upgradedConn is a client's connection after the 101.
type upgradedConn struct {
	boundedConn
	reader *bufio.Reader // of the connection, with what it had read
}

func (c *upgradedConn) Read(b []byte) (int, error) {
	if n := c.reader.Buffered(); n > 0 {
		return c.reader.Read(b[:min(n, len(b))])
	}
	// Not by the reader: it is still the server's, which cancels the request at the
	// end of what the client sends, and the node may have more to say.
	return c.boundedConn.Read(b)
}
