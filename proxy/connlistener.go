package proxy

import (
	"net"
	"sync"
)

// connListener is the listener that an httpReader takes its connections from.
type connListener struct {
	some   *sync.Cond // there is a connection, or it was closed; its lock guards the fields below
	conns  []net.Conn
	closed bool
}

func newConnListener() connListener { return connListener{some: sync.NewCond(new(sync.Mutex))} }

// arrive hands a connection over. It never waits. A listener that was closed closes the connection.
func (a *connListener) arrive(c net.Conn) {
	a.some.L.Lock()
	closed := a.closed
	if !closed {
		a.conns = append(a.conns, c)
		a.some.Signal()
	}
	a.some.L.Unlock()
	if closed {
		_ = c.Close()
	}
}

// Accept returns those that had arrived also after the close.
func (a *connListener) Accept() (net.Conn, error) {
	a.some.L.Lock()
	defer a.some.L.Unlock()
	for len(a.conns) == 0 && !a.closed {
		a.some.Wait()
	}
	if len(a.conns) == 0 {
		return nil, net.ErrClosed
	}
	c := a.conns[0]
	a.conns[0] = nil
	if a.conns = a.conns[1:]; len(a.conns) == 0 {
		a.conns = nil
	}
	return c, nil
}

// Close ends Accept.
func (a *connListener) Close() error {
	a.some.L.Lock()
	defer a.some.L.Unlock()
	a.closed = true
	a.some.Broadcast()
	return nil
}

// Addr is none: the connections came to several addresses.
func (a *connListener) Addr() net.Addr { return &net.TCPAddr{} }
