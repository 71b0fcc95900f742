package proxy

import (
	"net"
	"sync"
)

// connListener is the net.Listener from which an httpReader accepts its connections.
type connListener struct {
	some   *sync.Cond // a connection has arrived, or the listener was closed; its lock guards the fields below
	conns  []net.Conn
	closed bool
}

func newConnListener() connListener { return connListener{some: sync.NewCond(new(sync.Mutex))} }

// arrive hands over a connection and never waits. A closed listener closes the connection.
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

// Accept also returns, after Close, the connections that had arrived before it.
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

// Addr returns no useful address: the connections were accepted on several.
func (a *connListener) Addr() net.Addr { return &net.TCPAddr{} }
