package source

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"

	"mqttlb/balancer"
	"mqttlb/proxy/reactor"
)

// Dial is [net.Dialer.DialContext] from a source of the set, for connections outside of the event loops. The
// address is an IP address with a port. The client is valid only if the set is transparent, and counts only then.
func (s *Set) Dial(ctx context.Context, d *net.Dialer, address string, client netip.Addr) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if s == nil || err != nil {
		return d.DialContext(ctx, "tcp", address)
	}
	if s.transparent {
		return dialFrom(ctx, d, to, Client(client, to), true)
	}
	var conn net.Conn
	use, err := s.Connect(to, Other, func(from netip.Addr) (err error) {
		conn, err = dialFrom(ctx, d, to, from, false)
		return err
	})
	if err != nil || use == nil {
		return conn, err
	}
	return &Conn{TCPConn: conn.(*net.TCPConn), use: use}, nil
}

// dialFrom connects from an address; one that is not valid is the kernel's choice.
func dialFrom(ctx context.Context, d *net.Dialer, to netip.AddrPort, from netip.Addr, transparent bool) (net.Conn, error) {
	if !from.IsValid() {
		return d.DialContext(ctx, "tcp", to.String())
	}
	bound := *d
	bound.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	bound.Control = func(network, address string, c syscall.RawConn) (err error) {
		failed := c.Control(func(fd uintptr) { err = reactor.SetSource(int32(fd), from, transparent) })
		if err = errors.Join(err, failed); err != nil || d.Control == nil {
			return err
		}
		return d.Control(network, address, c)
	}
	conn, err := bound.DialContext(ctx, "tcp", to.String())
	return conn, sourceError(err, from, to)
}

// sourceError returns err, or a [balancer.SourceError] if it is about the source.
func sourceError(err error, from netip.Addr, to netip.AddrPort) error {
	if call, ok := errors.AsType[*os.SyscallError](err); ok && (call.Syscall == "bind" || call.Syscall == "setsockopt") {
		return &balancer.SourceError{Source: from, To: to, Bind: true, Err: call.Err}
	}
	return err
}

// Conn is a connection that counts in the use of its source until it is closed.
type Conn struct {
	*net.TCPConn
	use  *Use
	once sync.Once
}

// Close closes the connection.
func (c *Conn) Close() error {
	err := c.TCPConn.Close()
	c.once.Do(func() { c.use.Release(Other) })
	return err
}
