package proxy

import (
	"errors"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// makeLoops binds every listener and makes n loops that own the sockets.
func (srv *Server) makeLoops(n int) (loops []*loop, err error) {
	socks := make([][]int, n) // by loop and listener
	defer func() {
		if err == nil {
			return
		}
		for _, l := range loops {
			l.close()
		}
		for _, own := range socks {
			closeAll(own)
		}
	}()
	for _, ln := range srv.listeners {
		fds, err := ln.listen(n)
		if err != nil {
			return nil, srv.errListen(ln.Listener, err)
		}
		for i, fd := range fds {
			socks[i] = append(socks[i], fd)
		}
	}
	for i := range n {
		l, err := newLoop(srv, socks[i])
		if err != nil {
			return loops, err
		}
		loops = append(loops, l)
	}
	return loops, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}

// listen binds the listener and returns a socket for each of n loops: its own
// (SO_REUSEPORT), so that the kernel spreads the accepts, or on a path the same
// one n times over.
func (ln *listener) listen(n int) (fds []int, err error) {
	defer func() {
		if err != nil {
			closeAll(fds)
		}
	}()
	if ln.Network == "unix" {
		fd, err := ln.listenUnix()
		for err == nil && len(fds) < n-1 {
			var again int
			if again, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); err == nil {
				fds = append(fds, again)
			}
		}
		return append(fds, fd), err
	}
	to, err := net.ResolveTCPAddr("tcp", ln.Address)
	if err != nil {
		return nil, err
	}
	address := to.AddrPort()
	if to.IP == nil {
		address = netip.AddrPortFrom(netip.IPv6Unspecified(), address.Port())
	}
	// With SO_REUSEPORT another process of ours could share the port unnoticed,
	// so the first socket is bound without it, to find out.
	fd, err := ln.listenTCP(address, false)
	if errors.Is(err, unix.EAFNOSUPPORT) && to.IP == nil {
		address = netip.AddrPortFrom(netip.IPv4Unspecified(), address.Port())
		fd, err = ln.listenTCP(address, false)
	}
	if err != nil {
		return nil, err
	}
	if n == 1 {
		return []int{fd}, nil
	}
	_ = unix.Close(fd)
	address = netip.AddrPortFrom(address.Addr(), ln.bound.(*net.TCPAddr).AddrPort().Port())
	for range n {
		fd, err := ln.listenTCP(address, true)
		if err != nil {
			return fds, err
		}
		fds = append(fds, fd)
	}
	return fds, nil
}

// listenTCP makes a listening socket. Options that the kernel hands on to
// accepted sockets are set here, once, and not for each of them.
func (ln *listener) listenTCP(address netip.AddrPort, reusePort bool) (fd int, err error) {
	var a sockaddr
	a.set(address)
	fd, err = unix.Socket(a.family(), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd) // errors are returned with the fd, not with -1
		}
	}()
	set := func(level, option, value int, wanted bool) {
		if err == nil && wanted {
			err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, level, option, value))
		}
	}
	set(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1, true)
	set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1, reusePort)
	set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0, address.Addr() == netip.IPv6Unspecified())
	set(unix.IPPROTO_TCP, unix.TCP_NODELAY, 1, true)
	set(unix.SOL_SOCKET, unix.SO_OOBINLINE, 1, true) // urgent bytes are bytes
	set(unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1, true)
	set(unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepAliveIdle, true)
	set(unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepAliveInterval, true)
	set(unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAliveCount, true)
	// Clients of plain TCP may wait for the server to speak first.
	set(unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, deferAccept, ln.Protocol != TCP)
	if err != nil {
		return fd, err
	}
	if err = a.bind(fd); err != nil {
		return fd, os.NewSyscallError("bind", err)
	}
	if err = unix.Listen(fd, backlog); err != nil {
		return fd, os.NewSyscallError("listen", err)
	}
	if err = a.local(int32(fd)); err != nil {
		return fd, os.NewSyscallError("getsockname", err)
	}
	ln.bound = net.TCPAddrFromAddrPort(a.addrPort())
	return fd, nil
}

// listenUnix makes a listening socket at a path.
func (ln *listener) listenUnix() (int, error) {
	if err := ClearPath(ln.Address); err != nil {
		return -1, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: ln.Address}); err != nil {
		_ = unix.Close(fd)
		return -1, os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		_ = unix.Close(fd)
		return -1, os.NewSyscallError("listen", err)
	}
	ln.bound = &net.UnixAddr{Net: "unix", Name: ln.Address}
	ln.path, _ = os.Lstat(ln.Address)
	return fd, nil
}
