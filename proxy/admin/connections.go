package admin

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"mqttlb/proxy/rate"
	"mqttlb/proxy/reactor"
)

// connections is a listener with a limit on the connections that are open at the same time. At the limit
// a new connection takes the place of another one: of the peer that has the most connections, and of
// those the one that has sent least of a request, and has done so for longest. So neither a flood nor
// clients that send their requests one byte at a time keep others out.
type connections struct {
	net.Listener
	limit   int
	evicted int // connections closed for new ones; only Accept uses it
	closed  chan struct{}
	once    sync.Once
	log     *slog.Logger
	failed  rate.Line // accepts

	mu   sync.Mutex // guards open, and state and since of the connections in it
	open map[*connection]struct{}
}

func newConnections(ln net.Listener, limit int, log *slog.Logger) *connections {
	return &connections{Listener: ln, limit: limit, log: log, failed: rate.Line{Every: sampleTime}, closed: make(chan struct{}), open: map[*connection]struct{}{}}
}

// connection is an accepted connection.
type connection struct {
	net.Conn
	in     *connections
	peer   string      // what connections are counted by: an IP address, or the process at a Unix socket
	origin Origin      // of changes over this connection, if the way is private
	proved atomic.Bool // the last token over it was right

	more atomic.Pointer[context.CancelFunc] // called when bytes come; nil: none

	state connectionState
	since time.Time // of state
}

// connectionState says which connection is closed for a new one: one with a smaller state before one with a
// greater state, and never one that is working.
type connectionState uint8

const (
	silent    connectionState = iota // has sent nothing, or nothing since the last answer
	receiving                        // has sent a part of a request
	asked                            // has sent a whole request, and waits for its turn or has yet to read the answer
	working                          // a request is being answered
)

// Accept returns the next connection. It closes another one if there are too many.
func (l *connections) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			if n, ok := l.failed.Take(time.Now()); ok && !errors.Is(err, net.ErrClosed) {
				l.log.Error("the admin server cannot accept a connection", "address", l.Addr().String(), "error", err, "failures", n)
			}
			return nil, err
		}
		c := &connection{Conn: conn, in: l, since: time.Now()}
		c.identify()
		victim := l.add(c)
		if victim == nil {
			return c, nil
		}
		victim.Close()
		if l.evicted++; l.evicted%evictionsAtOnce == 0 {
			pause, stop := waitTime(evictionPause)
			select {
			case <-pause:
			case <-l.closed:
			}
			stop()
		}
		if victim != c {
			return c, nil
		}
	}
}

// add adds a connection, and returns the one to close for it; nil: there is room. If all others are
// busy, it is the new one.
func (l *connections) add(c *connection) (victim *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c] = struct{}{}
	if len(l.open) <= l.limit {
		return nil
	}
	held := map[string]int{}
	for o := range l.open {
		held[o.peer]++
	}
	young := time.Now().Add(-firstByteTime)
	progress := func(o *connection) connectionState {
		if o.state == silent && o.since.After(young) {
			return receiving // its bytes may be on their way
		}
		return o.state
	}
	victim = c
	for o := range l.open {
		switch {
		case o.state == working || o == c:
		case victim == c, cmp.Or(cmp.Compare(held[victim.peer], held[o.peer]), cmp.Compare(progress(o), progress(victim)), o.since.Compare(victim.since)) < 0:
			victim = o
		}
	}
	delete(l.open, victim)
	return victim
}

// Close ends Accept. It may be called twice.
func (l *connections) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// identify sets the peer and the origin.
func (c *connection) identify() {
	switch conn := c.Conn.(type) {
	case *net.UnixConn:
		c.peer, c.origin = "unix", Origin{Who: "socket"}
		if p, err := reactor.PeerCredentials(conn); err == nil {
			c.peer = "process " + strconv.Itoa(int(p.PID))
			c.origin.Attrs = []slog.Attr{slog.Int64("uid", int64(p.UID)), slog.Int64("pid", int64(p.PID))}
		}
	default:
		c.peer, _, _ = net.SplitHostPort(conn.RemoteAddr().String()) // always of the form host:port
	}
}

// Close closes the connection and makes room for another one. It may be called twice.
func (c *connection) Close() error {
	c.in.mu.Lock()
	delete(c.in.open, c)
	c.in.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite ends our side. net/http calls it before it closes a connection whose client still sends, which
// could not read the answer otherwise.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Read implements [net.Conn].
func (c *connection) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.received()
		if cancel := c.more.Load(); cancel != nil {
			(*cancel)()
		}
	}
	return n, err
}

// untilMore returns a context that also ends when the client sends more bytes. net/http stops to read
// then, and would not notice that the client disconnects.
func (c *connection) untilMore(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	c.more.Store(&cancel)
	return ctx, func() {
		c.more.Store(nil)
		cancel()
	}
}

func (c *connection) enter(s connectionState) {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.state, c.since = s, time.Now()
}

// received notes that bytes have come.
func (c *connection) received() {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	if c.state == silent {
		c.state = receiving // since stays: byte after byte makes a connection no younger
	}
}

type connectionKey struct{}

// withConnection adds a connection to the context of its requests.
func withConnection(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, connectionKey{}, c)
}

func connectionOf(r *http.Request) *connection {
	return r.Context().Value(connectionKey{}).(*connection)
}

// listener returns the connections of the entry, with TLS if its address has it.
func (e *entry) listener() net.Listener {
	if e.way == private {
		return e.conns
	}
	return tlsListener{e.conns, &e.access}
}

// tlsListener begins TLS on the connections of a listener while the access in force has it. net/http makes
// the handshake.
type tlsListener struct {
	*connections
	access *atomic.Pointer[Access]
}

// Accept returns the next connection, before its handshake.
func (l tlsListener) Accept() (net.Conn, error) {
	c, err := l.connections.Accept()
	if err != nil {
		return nil, err
	}
	if t := l.access.Load().TLS; t != nil {
		return tls.Server(c, t()), nil
	}
	return c, nil
}
