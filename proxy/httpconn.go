package proxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mqttlb/proxy/http1"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// httpConn is a client's connection while net/http has it.
type httpConn struct {
	net.Conn
	session *tlsterm.Session // of Conn; nil: no TLS
	tls     *tlsterm.Info    // of its handshake; nil: no TLS
	client  opening.Client   // of the connection; a trusted proxy's requests may have others
	excess  outcome.Outcome  // the limit that the client exceeded and must be told; 0: none

	// staying is called when the connection turns out to carry HTTP requests, left when net/http
	// closes it or lets go of it in an upgrade. Each is called at most once, from any goroutine.
	// begun is called when another request begins on a connection that has carried one.
	staying, begun, left func()
	stayed               bool // the loop knows of staying; only the loop uses it

	header atomic.Pointer[holding] // of the request that begun has begun; nil: none
	web    webPlace

	forwarded forwardedUpgrade

	identified bool // the client's first bytes can begin a request
	wire       httpWire
	last       atomic.Pointer[record] // of the last request that a node was asked for; nil: none
	handler    *httpHandler           // of its listener when it arrived at net/http

	received, sent atomic.Uint64 // bytes
	passed         atomic.Int64  // when the last of them passed, in ns since epoch; 0: none
	gone           atomic.Bool   // the client ended its stream before anything was answered
	upgraded       atomic.Bool
	stays, leaves  sync.Once

	port       *port
	generation *generation        // under which the client was accepted
	listener   *snapshot.Listener // in that generation
	waits      *waits
	epoch      time.Time              // of the loop's clock
	phase      atomic.Uint32          // of the request: a phase
	limited    atomic.Bool            // the read deadline is a time limit and not an interruption by net/http
	late       atomic.Pointer[string] // the time limit that was exceeded; nil: none
	idled      atomic.Bool            // timeouts.keep_alive is over

	// The result, valid after left.
	accepted *opening.Accepted // the upgrade; nil: none
	early    []byte            // that the client has sent behind its upgrade
	fault    string            // why there was no upgrade
	foreign  opening.Foreign   // the client's protocol if it is not HTTP
}

type httpConnKey struct{}

// phase is what an HTTP connection is doing.
type phase = uint32

const (
	phaseHeader phase = iota // reading a request header, from its first byte on
	phaseBody                // serving the request
	phaseServed              // the request was served: net/http sets the deadline of the wait next
	phaseIdle                // waiting for the next request
)

// timedOut notes the first time limit that the connection exceeded.
func (c *httpConn) timedOut(why string) { c.late.CompareAndSwap(nil, &why) }

// lateRead says which time limit the current read exceeded; empty if none that should be logged.
func (c *httpConn) lateRead() string {
	switch c.phase.Load() {
	case phaseHeader:
		silent := pick(c.received.Load() == 0, opening.SentNothing, "")
		return fmt.Sprintf("request header: not whole within timeouts.connect_packet %s%s", c.generation.Timeouts.ConnectPacket, silent)
	case phaseBody:
		return fmt.Sprintf("request body: not whole within timeouts.request_body %s, or %s of its answer", c.generation.Timeouts.RequestBody, c.waits.linger)
	}
	return ""
}

// SetReadDeadline is called by net/http at the beginning of each wait, and with a time in the past to
// interrupt a read.
func (c *httpConn) SetReadDeadline(t time.Time) error {
	if c.phase.CompareAndSwap(phaseIdle, phaseHeader) {
		c.begun()
	} else {
		c.phase.CompareAndSwap(phaseServed, phaseIdle)
	}
	c.limited.Store(t.After(time.Now()))
	return c.Conn.SetReadDeadline(t)
}

// Read reads for net/http. The first bytes reach it only if they can begin a request.
func (c *httpConn) Read(b []byte) (int, error) {
	if c.identified {
		if n, ok, err := c.wire.instead(b); ok {
			return n, err
		}
		n, err := c.read(b)
		return c.wire.check(b, n), err
	}
	for n := 0; ; {
		more, err := c.read(b[n:])
		n += more
		f, undecided := opening.IdentifyNotHTTP(b[:n])
		switch {
		case undecided && err == nil && n < len(b):
			continue
		case f != opening.NotForeign:
			c.foreign = f
			c.answer(opening.AnswerNotHTTP(f))
			return 0, io.EOF // net/http would wait for the end of a line
		case undecided && err != nil:
			return n, err // the client has left within the name of a method
		}
		c.identified = true
		return c.wire.check(b, n), err
	}
}

// refuse answers a request with a header that is refused, in place of net/http, which has read something else.
func (c *httpConn) refuse(f *http1.Fault) {
	c.fault = f.Error()
	c.handler.answers.Add(f.Status)
	c.answer(fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s\n",
		f.Status, http.StatusText(f.Status), len(f.Reason)+1, f.Reason))
}

// answer sends the last words to a client.
func (c *httpConn) answer(text string) {
	if text != "" {
		n, _ := io.WriteString(c.Conn, text) // the client may be gone
		c.sent.Add(uint64(n))
	}
}

// read reads from the connection.
func (c *httpConn) read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.notePassed(n)
	c.received.Add(uint64(n))
	if err == nil {
		return n, nil
	}
	if c.sent.Load() == 0 && !errors.Is(err, os.ErrClosed) {
		c.gone.Store(true)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && c.limited.Load() {
		if why := c.lateRead(); why != "" {
			c.timedOut(why)
		} else if c.phase.Load() == phaseIdle {
			c.idled.Store(true)
		}
	}
	return n, err
}

func (c *httpConn) Write(b []byte) (int, error) {
	if fault := c.wire.fault.Load(); fault != nil && c.phase.Load() == phaseHeader { // net/http has read what stands for the refused header
		c.refuse(fault)
		return len(b), nil
	}
	if c.fault == "" && !c.gone.Load() { // an answer of net/http itself
		line, _, _ := strings.Cut(string(b[:min(len(b), loggedStatus)]), "\r\n")
		c.fault = strings.TrimPrefix(line, "HTTP/1.1 ")
		if strings.HasPrefix(c.fault, "431 ") {
			c.fault += fmt.Sprintf(": limits.max_header_size is %d", c.generation.MaxHeaderSize)
		}
	}
	n, err := c.Conn.Write(b)
	c.notePassed(n)
	c.sent.Add(uint64(n))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.timedOut(fmt.Sprintf("response: the client did not take it within timeouts.response %s", c.generation.Timeouts.Response))
	}
	return n, err
}

// notePassed notes that n bytes have passed now.
func (c *httpConn) notePassed(n int) {
	if n > 0 {
		c.passed.Store(int64(time.Since(c.epoch)))
	}
}

// CloseWrite sends FIN.
func (c *httpConn) CloseWrite() error {
	return c.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

// Close ends net/http's use of the connection, and closes it unless an upgrade goes on with its TLS.
func (c *httpConn) Close() error {
	var err error
	if c.session == nil || !c.upgraded.Load() { // the TLS goes on after an upgrade
		err = c.Conn.Close()
	}
	c.header.Load().end()
	c.web.leave()
	c.leaves.Do(c.left)
	return err
}
