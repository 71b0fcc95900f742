package proxy

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
)

// serveHTTP hands the client's connection to the HTTP server, which serves it in a goroutine. The
// session keeps its descriptor, its place in the limits and its deadline. Nothing else touches the
// connection until it comes back.
func (l *loop) serveHTTP(s *session) step {
	o := s.pending
	reading := requestMemory + o.generation.MaxHeaderSize // net/http does not say how much it has read
	l.countOpening(s, reading)
	v := &httpConn{client: o.Client, tls: o.TLS, excess: s.excess, generation: o.generation, waits: &l.server.waits, epoch: l.server.epoch, port: s.listener.port, listener: o.listener}
	if s.client.layers != nil { // over the borrowed connection of the TLS handshake
		v.session = s.client.layers.tls
		v.Conn = v.session.Conn()
	} else {
		o.conn = l.borrowClient(s)
		if o.conn.open() != nil {
			return l.finish(s, outcome.DescriptorsExceeded)
		}
		v.Conn = o.conn
	}
	inLoop := l.callback(s)
	v.staying = func() {
		inLoop(func(s *session) {
			if o.releaseMemory() {
				l.loseOpening(s)
				return
			}
			s.deadline, v.stayed = 0, true
			l.endOpening(o)
		})
	}
	from, at := o.Client, s.lendsOn()
	v.begun = func() {
		var held *holding
		held = l.server.openingMemory.begin(from, at, func() {
			inLoop(func(s *session) {
				if o := s.pending; o != nil && o.http == v && v.header.Load() == held {
					o.held = held
					l.loseOpening(s)
				}
			})
		})
		v.header.Store(held)
		held.set(int64(reading) + openingSocket + openingSize)
	}
	v.left = func() { inLoop(func(s *session) { l.httpReturned(s, v) }) }
	o.borrower, o.http = clientHTTP, v
	l.server.http.arrive(v)
	return stepWait
}

// callback returns a function with which a borrower has the loop call then, unless the session has
// ended by then.
func (l *loop) callback(s *session) func(then func(*session)) {
	return l.callbackTo(s.slot, s.client.birth)
}

// callbackTo is callback for the session in a slot whose client's stream has this birth.
func (l *loop) callbackTo(slot, birth uint32) func(then func(*session)) {
	return func(then func(*session)) {
		l.Do(func() {
			if s := l.sessions.At(slot); s.listener != nil && s.client.birth == birth {
				l.touch(s, slot)
				then(s)
			}
		})
	}
}

// borrowClient makes a net.Conn of the client's descriptor. It first reads the bytes that the loop has
// already read.
func (l *loop) borrowClient(s *session) *borrowedConn {
	o := s.pending
	if !o.Destination.IsValid() {
		o.Destination, _ = l.LocalAddr(s.client.fd)
	}
	sent, _ := o.Take()
	c := &borrowedConn{
		fd:     s.client.fd,
		local:  net.TCPAddrFromAddrPort(o.Destination),
		remote: net.TCPAddrFromAddrPort(s.source.addrPort()),
		rest:   append([]byte(nil), sent...),
		writes: writeLimit{pace: writePace(o.generation.Snapshot)},
	}
	s.client.moved -= uint64(len(sent)) // they are read and counted again
	return c
}

// httpReturned takes a connection back from the HTTP server.
func (l *loop) httpReturned(s *session, v *httpConn) {
	o := s.pending
	s.countHTTP(v)
	s.client.readable = true
	if v.accepted != nil && v.session != nil {
		v.session.Detach()
	}
	o.borrower = nobody
	o.lastRequest = v.last.Load()
	o.reclaim()
	if f := v.forwarded.client.Load(); f != nil && (v.accepted != nil || !v.stayed) {
		if !l.adopt(s, f) {
			l.loseOpening(s)
			return
		}
	} else {
		f.leave(l.Now())
	}
	switch {
	case v.accepted != nil:
		o.Upgraded(*v.accepted, v.early)
		o.Keep()
		if v.stayed {
			s.deadline = l.In(o.generation.Timeouts.ConnectPacket)
			l.beginOpening(o)
		}
		l.resume(s, stepOpen)
	case v.foreign != opening.NotForeign:
		l.resume(s, l.refuseForeign(s, v.foreign))
	case v.listener.Protocol == snapshot.HTTP && v.wire.failure() != "":
		o.fault = v.wire.failure()
		l.resume(s, l.refuseAndLinger(s, outcome.BadRequest))
	case v.stayed && o.fault != "":
		l.finish(s, outcome.RequestTimeout)
	case v.stayed:
		if v.idled.Load() {
			o.fault = fmt.Sprintf("no further request within timeouts.keep_alive %v", o.generation.Timeouts.KeepAlive)
		}
		l.finish(s, pick(o.lastRequest.failed(), outcome.HTTPFailed, outcome.HTTPServed))
	case v.fault == "":
		l.finish(s, pick(l.stopping && !v.gone.Load(), outcome.Shutdown, outcome.ClientGone))
	case s.excess.OfAddress() && s.counted&inAddresses == 0: // too many clients of the address linger
		o.fault = v.fault
		l.finish(s, s.excess)
	default:
		o.fault = v.fault
		l.resume(s, l.refuseAndLinger(s, pick(s.excess.OfAddress(), s.excess, outcome.BadUpgrade)))
	}
}

// countHTTP adds the bytes that net/http has moved and notes the time limit that was exceeded.
func (s *session) countHTTP(v *httpConn) {
	if s.client.moved += v.received.Load(); v.received.Load() > 0 {
		s.pending.Hear()
	}
	s.server.moved += v.sent.Load()
	if why := v.late.Load(); why != nil {
		s.pending.fault = *why
	}
}

// borrowedConn is a net.Conn for net/http and crypto/tls on a duplicate of a descriptor.
type borrowedConn struct {
	*os.File // nil until open

	fd            int32 // the session's; the session closes the borrowedConn first
	local, remote net.Addr
	rest          []byte // read before the descriptor
	writes        writeLimit
	returned      func() // called by Close; nil: not called

	mu     sync.Mutex // guards the fields below, and the descriptor while it is duplicated
	closed bool
	opened time.Time // zero: not yet
}

// open duplicates the descriptor, in any goroutine. A session queued at the gate does not need a
// second descriptor yet.
func (c *borrowedConn) open() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed // by now fd may be the descriptor of another connection
	}
	duplicate, err := reactor.Duplicate(c.fd)
	if err == nil {
		c.File, c.opened = os.NewFile(uintptr(duplicate), "socket"), time.Now()
	}
	return err
}

// openFor returns the time since open, or 0 before it.
func (c *borrowedConn) openFor() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.opened.IsZero() {
		return 0
	}
	return time.Since(c.opened)
}

// Close closes the duplicate. It may be called twice.
func (c *borrowedConn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	if c.returned != nil {
		c.returned()
	}
	return c.File.Close() // os.ErrInvalid if it was never opened
}

// LocalAddr returns the address that the client connected to; nil for a node.
func (c *borrowedConn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the address of the client or node.
func (c *borrowedConn) RemoteAddr() net.Addr { return c.remote }

// Read returns the errors of a network connection and not those of a file. By them net/http
// distinguishes a read that its own deadline ended from a broken connection.
func (c *borrowedConn) Read(b []byte) (int, error) {
	if len(c.rest) > 0 {
		n := copy(b, c.rest)
		if c.rest = c.rest[n:]; len(c.rest) == 0 {
			c.rest = nil // net/http may keep the connection for hours
		}
		return n, nil
	}
	n, err := c.File.Read(b)
	if broken, ok := errors.AsType[*os.PathError](err); ok {
		err = &net.OpError{Op: "read", Net: "tcp", Source: c.local, Addr: c.remote, Err: broken.Err}
	}
	return n, err
}

// Write has its own time limit where no deadline is set: net/http and TLS write answers and records of
// their own without one.
func (c *borrowedConn) Write(b []byte) (int, error) { return c.writes.write(c.File, b) }

// SetWriteDeadline replaces the time limit of writes.
func (c *borrowedConn) SetWriteDeadline(t time.Time) error {
	c.writes.replaced.Store(!t.IsZero())
	return c.File.SetWriteDeadline(t)
}

// SetDeadline also replaces the time limit of writes.
func (c *borrowedConn) SetDeadline(t time.Time) error {
	c.writes.replaced.Store(!t.IsZero())
	return c.File.SetDeadline(t)
}

// CloseWrite sends FIN.
func (c *borrowedConn) CloseWrite() error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { reactor.CloseWrite(int32(fd)) })
}
