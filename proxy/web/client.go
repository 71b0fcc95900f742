package web

import (
	"bufio"
	"net"
	"net/http"
	"time"
)

// clientWriter is a ResponseWriter that gives every write a time of its own. The
// server's last flush has what is left of it; then the server lifts the deadline.
type clientWriter struct {
	http.ResponseWriter
	conn     *http.ResponseController
	pace     Pace
	expects  bool // the client has sent "Expect: 100-continue"
	hijacked bool
	tunnel   func() *tunnel // is called for the connection of an upgrade
}

func newClientWriter(w http.ResponseWriter, r *http.Request, pace Pace) *clientWriter {
	return &clientWriter{
		ResponseWriter: w, conn: http.NewResponseController(w), pace: pace,
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
	_ = w.conn.SetWriteDeadline(time.Now().Add(w.pace.For(int64(len(b)))))
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
	return &upgradedConn{boundedConn{Conn: conn, pace: w.pace}, buffered.Reader, w.tunnel()}, buffered, nil
}

// upgradedConn is a client's connection after the 101. What passes in either direction
// passes through it, and so it is where a tunnel's silence is heard.
type upgradedConn struct {
	boundedConn
	reader *bufio.Reader // of the connection, with what it had read
	tunnel *tunnel
}

func (c *upgradedConn) Read(b []byte) (int, error) {
	n, err := c.read(b)
	if err != nil {
		c.tunnel.halve()
	}
	c.tunnel.begin()
	return n, err
}

func (c *upgradedConn) read(b []byte) (int, error) {
	if n := c.reader.Buffered(); n > 0 {
		return c.reader.Read(b[:min(n, len(b))])
	}
	// Not by the reader: it is still the server's, which cancels the request at the
	// end of what the client sends, and the node may have more to say.
	return c.boundedConn.Read(b)
}

func (c *upgradedConn) Write(b []byte) (int, error) {
	n, err := c.boundedConn.Write(b)
	c.tunnel.begin()
	return n, err
}

// CloseWrite passes on that the node has ended its stream.
func (c *upgradedConn) CloseWrite() error {
	c.tunnel.halve()
	c.tunnel.begin()
	return c.boundedConn.CloseWrite()
}
