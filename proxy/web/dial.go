package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
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

// newTransports returns what keeps the connections to the nodes of a pool, by
// their Index. Each node has its own: two may have one address and differ in the
// name that their certificates must have.
func (h *Handler) newTransports(pool *snapshot.Pool) []*http.Transport {
	transports := make([]*http.Transport, len(pool.Nodes()))
	for i, node := range pool.Nodes() {
		transports[i] = h.newTransport(pool, node)
	}
	return transports
}

// newTransport makes one that speaks HTTP/1.1, asks for no compression, and knows
// no proxies of the environment.
func (h *Handler) newTransport(pool *snapshot.Pool, node *balancer.Node) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return h.dial(ctx, pool, node, network, address)
		},
		Protocols:              &protocols,
		DisableCompression:     true,
		DisableKeepAlives:      pool.SendProxy > 0, // a PROXY header names one client
		MaxIdleConnsPerHost:    IdlePerNode,
		IdleConnTimeout:        idleTimeout,
		ResponseHeaderTimeout:  h.options.ResponseTimeout,
		ExpectContinueTimeout:  expectContinue,
		MaxResponseHeaderBytes: maxResponseHeader,
	}
}

// dial connects to the address of a node, announces the client, if the pool
// speaks PROXY, and puts TLS on the connection, if it speaks that. To the
// transport it is a connection of http all the same.
func (h *Handler) dial(ctx context.Context, pool *snapshot.Pool, node *balancer.Node, network, address string) (net.Conn, error) {
	if limit := h.options.DialTimeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	if until, ok := ctx.Value(untilKey{}).(time.Time); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, until)
		defer cancel()
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, &dialError{err}
	}
	if err := h.announce(ctx, pool, conn); err != nil {
		conn.Close()
		return nil, err
	}
	if pool.TLS == nil {
		return &boundedConn{Conn: conn, pace: h.write}, nil
	}
	secured, err := pool.TLS.Secure(ctx, conn, node)
	if err != nil {
		conn.Close()
		return nil, &dialError{fmt.Errorf("TLS handshake: %w", err)}
	}
	return &boundedConn{Conn: secured, pace: h.write, below: conn}, nil
}

// announce sends the PROXY header, if there is one. It is one write, as EMQX's
// listeners want it.
func (h *Handler) announce(ctx context.Context, pool *snapshot.Pool, conn net.Conn) error {
	if pool.SendProxy == 0 {
		return nil
	}
	source, destination := announced(ctx, conn)
	header, err := h.options.Announce(pool.SendProxy, source, destination)
	if err != nil {
		return err
	}
	if _, err := (&boundedConn{Conn: conn, pace: h.write}).Write(header); err != nil {
		return &dialError{err}
	}
	return nil
}

// announced are the addresses that a PROXY header names: the client's, or our
// own where it has none, since no listener takes a header without.
func announced(ctx context.Context, conn net.Conn) (source, destination netip.AddrPort) {
	if a, _ := ctx.Value(addressesKey{}).(addresses); a.source.IsValid() && a.destination.IsValid() {
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
