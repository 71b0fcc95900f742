package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// dialError says that a connection to a node could not be made: nothing of a
// request was sent.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

// transport keeps the connections to the nodes of a pool. It speaks HTTP/1.1,
// asks for no compression, and knows no proxies of the environment.
func (h *Handler) transport(pool *Pool) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return h.dial(ctx, pool, network, address)
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

// dial connects to the address of a node and announces the client, if the pool
// speaks PROXY. The header is one write, as EMQX's listeners want it.
func (h *Handler) dial(ctx context.Context, pool *Pool, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: h.options.DialTimeout}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, &dialError{err}
	}
	bounded := &boundedConn{conn, h.stall}
	if pool.SendProxy == 0 {
		return bounded, nil
	}
	source, destination := announced(ctx, conn)
	header, err := h.options.Announce(pool.SendProxy, source, destination)
	if err != nil {
		conn.Close()
		return nil, err
	}
	if _, err := bounded.Write(header); err != nil {
		conn.Close()
		return nil, &dialError{err}
	}
	return bounded, nil
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

// lack is what of our own ran out when a connection could not be made.
type lack uint8

const (
	ofNothing     lack = iota // it is the node
	ofDescriptors             // or memory
	ofPorts                   // no ephemeral port to this node is left
)

func shortage(err error) lack {
	var errno syscall.Errno
	_ = errors.As(err, &errno)
	switch errno {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM:
		return ofDescriptors
	case syscall.EADDRNOTAVAIL:
		return ofPorts
	default:
		return ofNothing
	}
}

// boundedConn gives every write a time of its own, so that a peer that takes
// nothing does not hold us for ever.
type boundedConn struct {
	net.Conn
	stall time.Duration
}

func (c *boundedConn) Write(b []byte) (int, error) {
	_ = c.SetWriteDeadline(time.Now().Add(c.stall)) // fails on a closed connection only, and so does the write
	return c.Conn.Write(b)
}

// CloseWrite passes an end of file on to a connection that can say it.
func (c *boundedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
