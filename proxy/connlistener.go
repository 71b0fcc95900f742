package proxy

import (
	"net"
	"sync"
)

// connListener is the listener that an httpReader takes its connections from.
type connListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// arrive hands a connection over. It never waits: a goroutine of running does, where it has to.
func (a *connListener) arrive(v *httpConn, running *sync.WaitGroup) {
	select {
	case <-a.closed:
		_ = v.Close()
		return
	default:
	}
	select {
	case a.conns <- v:
		return
	default:
	}
	running.Go(func() {
		select {
		case a.conns <- v:
		case <-a.closed:
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

// Addr is none: the connections came to several addresses.
func (a *connListener) Addr() net.Addr { return &net.TCPAddr{} }
