package proxy

import (
	"net"
	"sync"
)

// arrivals is the listener that net/http takes the connections of a front from.
type arrivals struct {
	bound  net.Addr
	visits chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// arrive hands a connection to net/http. It never waits.
func (f *front) arrive(v *visit) {
	select {
	case <-f.arrivals.closed:
		_ = v.Close()
		return
	default:
	}
	select {
	case f.arrivals.visits <- v:
		return
	default:
	}
	f.running.Go(func() {
		select {
		case f.arrivals.visits <- v:
		case <-f.arrivals.closed:
			_ = v.Close()
		}
	})
}

// Accept returns those that have arrived also after the close.
func (a *arrivals) Accept() (net.Conn, error) {
	select {
	case c := <-a.visits:
		return c, nil
	default:
	}
	select {
	case c := <-a.visits:
		return c, nil
	case <-a.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (a *arrivals) Close() error {
	a.once.Do(func() { close(a.closed) })
	return nil
}

// Addr is the listener's address.
func (a *arrivals) Addr() net.Addr { return a.bound }
