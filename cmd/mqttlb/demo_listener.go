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
	// headerTimeout limits the wait for a PROXY header, as in EMQX.
	headerTimeout = 3 * time.Second
	// acceptRetry is the pause after an accept that failed.
	acceptRetry = 50 * time.Millisecond
)

// brokerListener is the listener of a broker. Each connection begins with a PROXY
// header. Unlike mochi's own listeners, Close closes every connection, also those that
// have sent nothing yet, and waits until the broker is done with them.
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

// Init implements [listeners.Listener].
func (*brokerListener) Init(*slog.Logger) error { return nil }

// ID returns the name of the broker, which has one listener.
func (l *brokerListener) ID() string { return l.name }

// Address returns the address that the listener is bound to.
func (l *brokerListener) Address() string { return l.ln.Addr().String() }

// Protocol returns the network of Address.
func (*brokerListener) Protocol() string { return "tcp" }

// Serve accepts connections until Close.
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
		if err != nil { // out of descriptors, or a connection that broke in the queue
			sleep(context.Background(), acceptRetry)
			continue
		}
		if !l.track(conn) {
			return
		}
		go l.serveConn(conn, establish) // ends with the connection, which Close closes
	}
}

// serveConn runs the broker's side of a connection.
func (l *brokerListener) serveConn(conn net.Conn, establish listeners.EstablishFn) {
	defer l.serving.Done()
	_ = establish(l.name, conn) // the error says why the client has gone; hooks know it already
	l.mu.Lock()
	delete(l.conns, conn)
	l.mu.Unlock()
	conn.Close()
}

// track makes Close wait for a connection, or, with a nil conn, for the accept loop.
// After Close has been called, track closes conn and returns false.
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

// Close closes the listener and its connections. It does not call its argument, which
// would send a DISCONNECT to each client: a process that is killed sends none.
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
