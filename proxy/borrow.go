package proxy

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
)

// serveHTTP lends the client's connection to the listener's HTTP server, which runs in a
// goroutine. The session keeps its own descriptor, its place among the limits and its
// time; until the connection comes back, nothing else touches it.
func (l *loop) serveHTTP(s *session) step {
	o := s.pending
	o.releaseMemory()
	v := &httpConn{excess: s.excess, generation: o.generation, waits: &l.server.waits, port: s.listener.port, listener: o.listener}
	if s.client.layers != nil { // over the connection that the handshake has left
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
			s.deadline, v.stayed = 0, true
			l.endOpening(o)
		})
	}
	v.left = func() { inLoop(func(s *session) { l.httpReturned(s, v) }) }
	o.borrower, o.http = clientHTTP, v
	l.server.http.arrive(v)
	return stepWait
}

// callback is how a goroutine that has the client's connection has the loop go on
// with the session, if that has not ended since.
func (l *loop) callback(s *session) func(then func(*session)) {
	slot, birth := s.slot, s.client.birth
	return func(then func(*session)) {
		l.Do(func() {
			if s := l.sessions.At(slot); s.listener != nil && s.client.birth == birth {
				then(s)
			}
		})
	}
}

// borrowClient makes a connection of the client's descriptor, which reads first what the loop
// has read already.
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
	s.client.moved -= uint64(len(sent)) // they will be read again
	return c
}

// httpReturned takes a connection back from the HTTP server.
func (l *loop) httpReturned(s *session, v *httpConn) {
	o := s.pending
	s.countHTTP(v)
	s.client.readable = true
	if v.pool != nil && v.session != nil {
		v.session.Detach()
	}
	o.borrower = nobody
	o.reclaim()
	switch {
	case v.pool != nil:
		o.Upgraded(v.pool, v.request)
		if v.stayed {
			s.deadline = l.In(o.generation.Timeouts.ConnectPacket)
			l.beginOpening(o)
		}
		l.resume(s, stepOpen)
	case v.stayed && o.fault != "":
		l.finish(s, outcome.RequestTimeout)
	case v.stayed:
		l.finish(s, outcome.HTTPServed)
	case v.fault == "":
		l.finish(s, pick(l.stopping && !v.gone.Load(), outcome.Shutdown, outcome.ClientGone))
	default:
		o.fault = v.fault
		l.resume(s, l.refuseAndLinger(s, pick(s.excess.OfAddress(), s.excess, outcome.BadUpgrade)))
	}
}

// countHTTP adds what net/http has moved, and the limit of time that it came to.
func (s *session) countHTTP(v *httpConn) {
	s.client.moved += v.received.Load()
	s.server.moved += v.sent.Load()
	if why := v.late.Load(); why != nil {
		s.pending.fault = *why
	}
}

// borrowedConn is a duplicate of a descriptor, as net/http and crypto/tls want a connection.
type borrowedConn struct {
	*os.File // nil until open

	fd            int32 // of the session, which closes the connection before it
	local, remote net.Addr
	rest          []byte // what comes before what the descriptor has
	writes        writeLimit
	returned      func() // called at the close; nil: nobody waits for that

	mu     sync.Mutex // guards the fields below, and the descriptor while it is duplicated
	closed bool
	opened time.Time // zero: not yet
}

// open duplicates the descriptor, in any goroutine: who waits for a turn needs none yet.
func (c *borrowedConn) open() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed // and the descriptor may be another's by now
	}
	duplicate, err := reactor.Duplicate(c.fd)
	if err == nil {
		c.File, c.opened = os.NewFile(uintptr(duplicate), "socket"), time.Now()
	}
	return err
}

// openFor is how long it has been open.
func (c *borrowedConn) openFor() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.opened.IsZero() {
		return 0
	}
	return time.Since(c.opened)
}

// Close may be called twice.
func (c *borrowedConn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	if c.returned != nil {
		c.returned()
	}
	return c.File.Close() // os.ErrInvalid where it was not opened
}

// LocalAddr is where the client connected to; nil for a node.
func (c *borrowedConn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is where the client or node is.
func (c *borrowedConn) RemoteAddr() net.Addr { return c.remote }

// Read returns the errors of a network connection, not of a file: net/http tells
// its own deadline, which ends a read of its own, from a broken connection by them.
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

// Write ends within a limit of its own where no deadline is set: net/http writes its own
// answers, and TLS its own records, without one.
func (c *borrowedConn) Write(b []byte) (int, error) { return c.writes.write(c.File, b) }

// SetWriteDeadline takes the place of the limit of writes.
func (c *borrowedConn) SetWriteDeadline(t time.Time) error {
	c.writes.replaced.Store(!t.IsZero())
	return c.File.SetWriteDeadline(t)
}

// SetDeadline takes the place of the limit of writes, too.
func (c *borrowedConn) SetDeadline(t time.Time) error {
	c.writes.replaced.Store(!t.IsZero())
	return c.File.SetDeadline(t)
}

// CloseWrite ends our stream.
func (c *borrowedConn) CloseWrite() error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { reactor.CloseWrite(int32(fd)) })
}
