package web

import (
	"bufio"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// clientWriter is a ResponseWriter that sets a new deadline for every write. net/http's
// last flush of a response has only the rest of the last write's deadline; then net/http
// clears the deadline.
type clientWriter struct {
	http.ResponseWriter
	conn     *http.ResponseController
	pace     Pace
	expects  bool // the client has sent "Expect: 100-continue"
	hijacked bool
	tunnel   func() *tunnel // called for the connection of an upgrade

	status         int          // of the response; 0: it has not begun
	received, sent atomic.Int64 // bytes of the tunnel; sent is also those of the response's body
}

func newClientWriter(w http.ResponseWriter, r *http.Request, pace Pace) *clientWriter {
	return &clientWriter{
		ResponseWriter: w, conn: http.NewResponseController(w), pace: pace,
		expects: r.Header.Get("Expect") != "",
	}
}

// WriteHeader passes the node's header on. It passes informational headers on only to clients
// that expect no 100. The server itself sends a client that expects one a 100 when the body is
// first read, which happens when the node asks for it. The node's own 100 would be the second,
// and another goroutine would write any other informational header at the same time.
func (w *clientWriter) WriteHeader(code int) {
	if w.expects && code < 200 && code != http.StatusSwitchingProtocols {
		return
	}
	if code >= 200 && w.status == 0 {
		w.status = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *clientWriter) Write(b []byte) (int, error) {
	_ = w.conn.SetWriteDeadline(time.Now().Add(w.pace.For(int64(len(b)))))
	n, err := w.ResponseWriter.Write(b)
	w.sent.Add(int64(n))
	return n, err
}

// Unwrap lets http.ResponseController flush.
func (w *clientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack returns the connection for an upgrade. Bytes that the client sent before the 101
// come first in it: ReverseProxy would lose them.
func (w *clientWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := w.conn.Hijack()
	if err != nil {
		return nil, nil, err
	}
	w.hijacked, w.status = true, http.StatusSwitchingProtocols
	return &upgradedConn{boundedConn{Conn: conn, pace: w.pace}, buffered.Reader, w.tunnel(), w}, buffered, nil
}

// upgradedConn is a client's connection after the 101. All bytes in both directions pass
// through it, so it detects the silence of a tunnel.
type upgradedConn struct {
	boundedConn
	reader *bufio.Reader // of the connection, with the bytes that it has read ahead
	tunnel *tunnel
	counts *clientWriter
}

func (c *upgradedConn) Read(b []byte) (int, error) {
	n, err := c.read(b)
	c.counts.received.Add(int64(n))
	if err != nil {
		c.tunnel.closeHalf()
	}
	c.tunnel.begin()
	return n, err
}

func (c *upgradedConn) read(b []byte) (int, error) {
	if n := c.reader.Buffered(); n > 0 {
		return c.reader.Read(b[:min(n, len(b))])
	}
	// Do not use the reader here: the server still owns it and cancels the request at the
	// end of the client's stream, when the node may have more to send.
	return c.boundedConn.Read(b)
}

func (c *upgradedConn) Write(b []byte) (int, error) {
	n, err := c.boundedConn.Write(b)
	c.counts.sent.Add(int64(n))
	c.tunnel.begin()
	return n, err
}

// CloseWrite tells the client that the node has ended its stream.
func (c *upgradedConn) CloseWrite() error {
	c.tunnel.closeHalf()
	c.tunnel.begin()
	return c.boundedConn.CloseWrite()
}
