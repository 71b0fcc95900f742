package proxy

import (
	"net"
	"sync"
)

// connListener is the listener that net/http takes the connections of an httpServer from.
type connListener struct {
	bound  net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// arrive hands a connection to net/http. It never waits.
func (f *httpServer) arrive(v *httpConn) {
	select {
	case <-f.arrived.closed:
		_ = v.Close()
		return
	default:
	}
	select {
	case f.arrived.conns <- v:
		return
	default:
	}
	f.running.Go(func() {
		select {
		case f.arrived.conns <- v:
		case <-f.arrived.closed:
			_ = v.Close()
		}
	})
}

// Accept returns those that have arrived also after the close.
func (a *connListener) Accept() (net.Conn, error) {
	select {
	case c := <-a.conns:
		return c, nil
	default:
	}
	select {
	case c := <-a.conns:
		return c, nil
	case <-a.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (a *connListener) Close() error {
	a.once.Do(func() { close(a.closed) })
	return nil
}

// Addr is the listener's address.
func (a *connListener) Addr() net.Addr { return a.bound }
