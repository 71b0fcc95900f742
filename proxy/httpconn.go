package proxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
	"mqttlb/proxy/websocket"
)

// httpConn is a client's connection while net/http has it.
type httpConn struct {
	net.Conn
	session *tlsterm.Session // that Conn is of; nil: no TLS
	excess  outcome.Outcome  // the limit that it is past, to be told so; 0: none

	// Each is called once at most, from any goroutine: staying when the
	// connection turns out to be one of HTTP requests, left when net/http has let
	// go of it, by closing it or with an upgrade.
	staying, left func()
	stayed        bool // the loop knows of staying; its own

	received, sent atomic.Uint64 // bytes
	gone           atomic.Bool   // the client's stream ended before anything was answered
	upgraded       atomic.Bool
	stays, leaves  sync.Once

	port       *port
	generation *generation        // that it was accepted under
	listener   *snapshot.Listener // in that generation
	waits      *waits
	phase      atomic.Uint32          // of the request; a phase
	limited    atomic.Bool            // the read deadline is a limit, and no interruption of net/http's
	late       atomic.Pointer[string] // the limit of time that it came to; nil: none

	// What came of it, to be read after left.
	pool    *snapshot.Pool     // of the upgrade; nil: there was none
	request *websocket.Request // as opening.NodeRequest has it
	fault   string             // why there was none
}

type httpConnKey struct{}

// phase is what is read of an HTTP connection.
type phase = uint32

const (
	phaseHeader phase = iota // of a request, from its first byte on
	phaseBody                // the request is being served
	phaseServed              // the request was served: the limit of the wait for the next comes now
	phaseIdle                // the next request is waited for
)

// timedOut notes the first limit of time that the connection came to.
func (c *httpConn) timedOut(why string) { c.late.CompareAndSwap(nil, &why) }

// lateRead says which limit of time the read came to that is waited for; empty: none that
// is worth a word.
func (c *httpConn) lateRead() string {
	switch c.phase.Load() {
	case phaseHeader:
		return fmt.Sprintf("request header: not whole within timeouts.connect_packet %s", c.generation.Timeouts.ConnectPacket)
	case phaseBody:
		return fmt.Sprintf("request body: not whole within timeouts.request_body %s, or %s of its answer", c.generation.Timeouts.RequestBody, c.waits.linger)
	}
	return ""
}

// SetReadDeadline is called by net/http with a time that is past to interrupt a read,
// and at the beginning of each wait.
func (c *httpConn) SetReadDeadline(t time.Time) error {
	if !c.phase.CompareAndSwap(phaseIdle, phaseHeader) {
		c.phase.CompareAndSwap(phaseServed, phaseIdle)
	}
	c.limited.Store(t.After(time.Now()))
	return c.Conn.SetReadDeadline(t)
}

func (c *httpConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.received.Add(uint64(n)) == uint64(n) && n > 0 {
		if c.fault = notHTTP(b[0]); c.fault != "" {
			return 0, io.EOF // at once: net/http would wait for the end of a line
		}
	}
	if err == nil {
		return n, nil
	}
	if c.sent.Load() == 0 && !errors.Is(err, os.ErrClosed) {
		c.gone.Store(true)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && c.limited.Load() {
		if why := c.lateRead(); why != "" {
			c.timedOut(why)
		}
	}
	return n, err
}

func (c *httpConn) Write(b []byte) (int, error) {
	if c.fault == "" && !c.gone.Load() { // an answer of net/http's own
		line, _, _ := strings.Cut(string(b[:min(len(b), loggedStatus)]), "\r\n")
		c.fault = strings.TrimPrefix(line, "HTTP/1.1 ")
	}
	n, err := c.Conn.Write(b)
	c.sent.Add(uint64(n))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.timedOut(fmt.Sprintf("response: the client did not take it within timeouts.response %s", c.generation.Timeouts.Response))
	}
	return n, err
}

// notHTTP guesses from its first byte what a client speaks that does not speak HTTP.
func notHTTP(first byte) string {
	switch first {
	case 0x10:
		return "MQTT without WebSocket: it is served on listeners of protocol mqtt"
	case 0x16:
		return "a TLS ClientHello: this listener has no tls"
	}
	return ""
}

// CloseWrite ends our stream.
func (c *httpConn) CloseWrite() error {
	return c.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

// Close lets go of the connection.
func (c *httpConn) Close() error {
	var err error
	if c.session == nil || !c.upgraded.Load() { // TLS goes on after an upgrade
		err = c.Conn.Close()
	}
	c.leaves.Do(c.left)
	return err
}
