package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/snapshot"
)

// dialError says that a connection to a node could not be made: nothing of a
// request was sent.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

// attempt is what the dialer needs to know of the request that it dials for.
type attempt struct {
	pool   *snapshot.Pool
	node   *balancer.Node
	client addresses
	until  time.Time // when its time is over; zero: it has no end
	write  Pace
}

// attemptKey is where the context of a request to a node has the *attempt.
type attemptKey struct{}

// dial connects to the address of a node, announces the client, if the pool
// speaks PROXY, and puts TLS on the connection, if it speaks that. To the
// transport it is a connection of http all the same.
func (h *Handler) dial(ctx context.Context, network, address string) (net.Conn, error) {
	a := ctx.Value(attemptKey{}).(*attempt)
	if !a.until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, a.until)
		defer cancel()
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, &dialError{err}
	}
	if err := h.announce(a, conn); err != nil {
		conn.Close()
		return nil, err
	}
	if a.pool.TLS == nil {
		return &boundedConn{Conn: conn, pace: a.write}, nil
	}
	secured, err := a.pool.TLS.Secure(ctx, conn, a.node)
	if err != nil {
		conn.Close()
		return nil, &dialError{fmt.Errorf("TLS handshake: %w", err)}
	}
	return &boundedConn{Conn: secured, pace: a.write, below: conn}, nil
}

// announce sends the PROXY header, if there is one. It is one write, as EMQX's
// listeners want it.
func (h *Handler) announce(a *attempt, conn net.Conn) error {
	if a.pool.SendProxy == 0 {
		return nil
	}
	source, destination := a.client.announced(conn)
	header, err := h.options.Announce(a.pool.SendProxy, source, destination)
	if err != nil {
		return err
	}
	if _, err := (&boundedConn{Conn: conn, pace: a.write}).Write(header); err != nil {
		return &dialError{err}
	}
	return nil
}

// announced are the addresses that a PROXY header names: the client's, or our
// own where it has none, since no listener takes a header without.
func (a addresses) announced(conn net.Conn) (source, destination netip.AddrPort) {
	if a.source.IsValid() && a.destination.IsValid() {
		return a.source, a.destination
	}
	local, _ := conn.LocalAddr().(*net.TCPAddr)
	remote, _ := conn.RemoteAddr().(*net.TCPAddr)
	return unmapped(local.AddrPort()), unmapped(remote.AddrPort())
}

// boundedConn gives every write a time of its own, so that a peer that takes
// nothing does not hold us for ever.
type boundedConn struct {
	net.Conn
	pace  Pace
	below net.Conn // what Conn's TLS is on; nil: Conn itself
}

func (c *boundedConn) Write(b []byte) (int, error) {
	_ = c.SetWriteDeadline(time.Now().Add(c.pace.For(int64(len(b))))) // fails on a closed connection only, and so does the write
	n, err := c.Conn.Write(b)
	switch {
	case c.below == nil:
	case errors.Is(err, os.ErrDeadlineExceeded):
		_ = c.below.Close() // TLS would take 5 s more to say goodbye to it
	default:
		_ = c.SetWriteDeadline(time.Time{}) // TLS answers a KeyUpdate by itself, whenever it comes (RFC 8446, 4.6.3)
	}
	return n, err
}

// CloseWrite passes an end of file on to a connection that can say it.
func (c *boundedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
