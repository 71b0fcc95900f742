//go:build linux

package bench

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// listener is one address that a Broker listens on.
type listener struct {
	fd int
	ws bool // clients speak WebSocket
}

func (b *Broker) listen(a netip.AddrPort, ws bool) error {
	domain, sa := family(a)
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	b.listeners = append(b.listeners, listener{fd, ws})
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	// Accepted sockets inherit it.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	if err := unix.Bind(fd, sa); err != nil {
		return err
	}
	if err := unix.Listen(fd, listenBacklog); err != nil {
		return err
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		return err
	}
	port := a.Port()
	switch bound := bound.(type) {
	case *unix.SockaddrInet4:
		port = uint16(bound.Port)
	case *unix.SockaddrInet6:
		port = uint16(bound.Port)
	}
	b.addrs = append(b.addrs, netip.AddrPortFrom(a.Addr(), port))
	// A negative generation marks a listener and gives its index.
	return b.poll.add(fd, unix.EPOLLIN, int32(fd), int32(-len(b.listeners)))
}

// listenBacklog is enough for a reconnect storm; the kernel limits it to
// net.core.somaxconn.
const listenBacklog = 65535
