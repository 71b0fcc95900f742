package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// earlyFrames is a ResponseWriter that takes the frames which have come with an upgrade out of net/http's
// buffer: gorilla refuses a client that has not waited for the answer.
type earlyFrames struct {
	http.ResponseWriter
	conn *httpConn
}

// Hijack lets go of the connection.
func (e earlyFrames) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(e.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if n := buffers.Reader.Buffered(); n > 0 {
		e.conn.early = make([]byte, n)
		_, _ = io.ReadFull(buffers.Reader, e.conn.early) // they are in the buffer
	}
	return conn, buffers, nil
}
