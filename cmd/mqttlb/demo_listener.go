package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/pires/go-proxyproto"
)

const (
	// headerTimeout bounds the wait for a PROXY header, as in EMQX.
	headerTimeout = 3 * time.Second
	// acceptRetry is the pause after an accept that failed.
	acceptRetry = 50 * time.Millisecond
)

// brokerListener is where the connections of a broker arrive, each of which
// opens with a PROXY header. It differs from mochi's own listeners in its end:
// Close closes every connection, also those that have sent nothing yet, and
// waits until the broker is done with them.
type brokerListener struct {
	name string
	ln   *proxyproto.Listener

	serving sync.WaitGroup

	mu     sync.Mutex // guards the fields below
	closed bool
	conns  map[net.Conn]struct{}
}

func newBrokerListener(name string, ln net.Listener) *brokerListener {
	return &brokerListener{
		name:  name,
		ln:    &proxyproto.Listener{Listener: ln, ReadHeaderTimeout: headerTimeout},
		conns: make(map[net.Conn]struct{}),
	}
}

// Init, ID, Address and Protocol make it one of mochi's listeners.
func (*brokerListener) Init(*slog.Logger) error { return nil }

// ID is the broker's name: it has one listener.
func (l *brokerListener) ID() string { return l.name }

// Address is what it is bound to.
func (l *brokerListener) Address() string { return l.ln.Addr().String() }

// Protocol is the network of Address.
func (*brokerListener) Protocol() string { return "tcp" }

// Serve accepts until Close.
func (l *brokerListener) Serve(establish listeners.EstablishFn) {
	if !l.track(nil) {
		return
	}
	defer l.serving.Done()
	for {
		conn, err := l.ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no descriptors left, or one connection that broke
			sleep(context.Background(), acceptRetry)
			continue
		}
		if !l.track(conn) {
			return
		}
		go l.serveConn(conn, establish) // ends with the connection, which Close closes
	}
}

// serveConn does all that the broker does for a connection.
func (l *brokerListener) serveConn(conn net.Conn, establish listeners.EstablishFn) {
	defer l.serving.Done()
	_ = establish(l.name, conn) // why the client has gone; hooks have been told
	l.mu.Lock()
	delete(l.conns, conn)
	l.mu.Unlock()
	conn.Close()
}

// track counts in what Close waits for. It returns false, and closes conn, when
// Close has been called. The conn of the accept loop itself is nil.
func (l *brokerListener) track(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if conn != nil && l.closed {
		conn.Close()
	}
	if l.closed {
		return false
	}
	if conn != nil {
		l.conns[conn] = struct{}{}
	}
	l.serving.Add(1)
	return true
}

// Close ends everything that came in here. It does not call closeClients: that
// says goodbye in MQTT, and a process that is killed does not.
func (l *brokerListener) Close(listeners.CloseFn) {
	l.mu.Lock()
	l.closed = true
	l.ln.Close()
	for conn := range l.conns {
		conn.Close()
	}
	l.mu.Unlock()
	l.serving.Wait()
}
