package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
)

// dialError is the error of a failed connection to a node: no part of the request was
// sent.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

// attempt holds what the dialer needs of the request that it dials for.
type attempt struct {
	pool   *snapshot.Pool
	node   *balancer.Node
	addrs  []netip.AddrPort // of node, in the order in which to dial them
	client addresses
	until  time.Time // end of its time; zero: none
	write  Pace
	buffer int // of the socket; 0: as the kernel likes
}

// attemptKey is the context key of the *attempt of a request to a node.
type attemptKey struct{}

// dial connects to a node, sends a PROXY header if the pool has one, and makes the TLS handshake if the pool has TLS. The
// transport uses http on the connection in both cases. The addresses are those of the attempt.
func (h *Handler) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	a := ctx.Value(attemptKey{}).(*attempt)
	if !a.until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, a.until)
		defer cancel()
	}
	return h.reach(ctx, a)
}

// connect makes a connection to one address of a node.
func (h *Handler) connect(ctx context.Context, a *attempt, to netip.AddrPort) (net.Conn, error) {
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		if a.buffer == 0 {
			return nil
		}
		return c.Control(func(fd uintptr) { reactor.SetBuffers(int32(fd), a.buffer) })
	}}
	return a.pool.Source.Dial(ctx, &dialer, to.String(), a.client.source.Addr())
}

// prepare sends the PROXY header and makes the TLS handshake. After an error the caller still owns conn.
func (h *Handler) prepare(ctx context.Context, a *attempt, conn net.Conn) (net.Conn, error) {
	if err := h.sendProxyHeader(a, conn); err != nil {
		return nil, err
	}
	if a.pool.TLS == nil {
		return h.newNodeConn(a, boundedConn{Conn: conn, pace: a.write}), nil
	}
	secured, err := a.pool.TLS.Secure(ctx, conn, a.node)
	if err != nil {
		return nil, &dialError{fmt.Errorf("TLS handshake: %w", err)}
	}
	return h.newNodeConn(a, boundedConn{Conn: secured, pace: a.write, below: conn}), nil
}

// sendProxyHeader sends the PROXY header, if any, in one write, as EMQX's listeners require.
func (h *Handler) sendProxyHeader(a *attempt, conn net.Conn) error {
	if a.pool.SendProxy == 0 {
		return nil
	}
	source, destination := a.client.proxyAddresses(conn)
	header, err := h.options.Announce(a.pool.SendProxy, source, destination)
	if err != nil {
		return err
	}
	if _, err := (&boundedConn{Conn: conn, pace: a.write}).Write(header); err != nil {
		return &dialError{err}
	}
	return nil
}

// proxyAddresses returns the addresses for a PROXY header: the client's, or our own where it has
// none, because no listener accepts a header without addresses.
func (a addresses) proxyAddresses(conn net.Conn) (source, destination netip.AddrPort) {
	if a.source.IsValid() && a.destination.IsValid() {
		return a.source, a.destination
	}
	local, _ := conn.LocalAddr().(*net.TCPAddr)
	remote, _ := conn.RemoteAddr().(*net.TCPAddr)
	if a.source.IsValid() { // a proxy on a Unix socket has named its client
		return a.source, unmapped(remote.AddrPort())
	}
	return unmapped(local.AddrPort()), unmapped(remote.AddrPort())
}

// boundedConn sets a new deadline for every write, so that a peer that does not read
// cannot block us forever.
type boundedConn struct {
	net.Conn
	pace  Pace
	below net.Conn // the connection below Conn's TLS; nil: Conn itself
}

func (c *boundedConn) Write(b []byte) (int, error) {
	_ = c.SetWriteDeadline(time.Now().Add(c.pace.For(int64(len(b))))) // only fails on a closed connection, and then so does the write
	n, err := c.Conn.Write(b)
	switch {
	case c.below == nil:
	case errors.Is(err, os.ErrDeadlineExceeded):
		_ = c.below.Close() // a close by TLS would try for 5 s to send close_notify
	default:
		_ = c.SetWriteDeadline(time.Time{}) // because TLS may answer a KeyUpdate at any time (RFC 8446, 4.6.3)
	}
	return n, err
}

// CloseWrite ends our stream, if the connection supports it.
func (c *boundedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
