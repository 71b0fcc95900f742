package reactor

import (
	"errors"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// ListenTCP binds a TCP address, such as ":1883". It returns n listening sockets, one for each loop,
// between which the kernel spreads the connections (SO_REUSEPORT), and the address that they are bound
// to. Without a host it listens on IPv6 and IPv4. Connections have TCP_NODELAY and TCP's keepalive,
// and urgent bytes are in their normal stream. buffer is as in SetBuffers. If clientFirst is true, a
// connection is accepted once its peer has sent something, or after a second. If another socket has the
// address, the error is EADDRINUSE. If beside is true, sockets of ListenTCP in any process of this user
// may have it.
func ListenTCP(address string, n int, clientFirst, beside bool, buffer int) (fds []int32, bound *net.TCPAddr, err error) {
	defer func() {
		if err != nil {
			closeAll(fds)
			fds = nil
		}
	}()
	to, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, nil, err
	}
	on := to.AddrPort()
	if to.IP == nil {
		on = netip.AddrPortFrom(netip.IPv6Unspecified(), on.Port())
	}
	// With SO_REUSEPORT another process of ours could share the port unnoticed. So the first socket is
	// bound without it, to find out. It never listens: clients that had connected to it would be reset
	// when it closes.
	fd, bound, err := bindTCP(on, beside, clientFirst, buffer)
	if errors.Is(err, unix.EAFNOSUPPORT) && to.IP == nil {
		on = netip.AddrPortFrom(netip.IPv4Unspecified(), on.Port())
		fd, bound, err = bindTCP(on, beside, clientFirst, buffer)
	}
	if err != nil {
		return nil, nil, err
	}
	Close(fd)
	on = netip.AddrPortFrom(on.Addr(), bound.AddrPort().Port())
	for range n {
		if fd, bound, err = bindTCP(on, true, clientFirst, buffer); err != nil {
			return fds, nil, err
		}
		fds = append(fds, fd)
		if err := listen(fd); err != nil {
			return fds, nil, err
		}
	}
	return fds, bound, nil
}

func listen(fd int32) error {
	return os.NewSyscallError("listen", unix.Listen(int(fd), backlog))
}

// SetClientFirst changes clientFirst for a socket of ListenTCP.
func SetClientFirst(fd int32, on bool) error {
	seconds := 0
	if on {
		seconds = deferAccept
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, seconds))
}

// RefuseSYN has the kernel drop every new connection to a socket of ListenTCP. Handshakes that have
// begun go on, and their connections can be accepted; closing the socket would reset them.
func RefuseSYN(fd int32) error {
	const flags, syn = 13, 0x02 // of the TCP header (RFC 9293, 3.1)
	drop := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: flags},
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, Jf: 1, K: syn},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xFFFFFFFF},
	}
	program := unix.SockFprog{Len: uint16(len(drop)), Filter: &drop[0]}
	return os.NewSyscallError("setsockopt", unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program))
}

// AcceptSYN undoes RefuseSYN.
func AcceptSYN(fd int32) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0))
}

// setAcceptOptions sets the options of a listening TCP socket that accepted sockets inherit: once, and
// not for each connection. It tries them all and returns the first error.
func setAcceptOptions(fd int) (err error) {
	for _, o := range [...]struct{ level, option, value int }{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.SOL_SOCKET, unix.SO_OOBINLINE, 1}, // urgent bytes come in the stream
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepAliveIdle},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepAliveInterval},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAliveCount},
	} {
		if failed := unix.SetsockoptInt(fd, o.level, o.option, o.value); err == nil {
			err = os.NewSyscallError("setsockopt", failed)
		}
	}
	return err
}

// bindTCP makes and binds a socket that can listen.
func bindTCP(address netip.AddrPort, reusePort, clientFirst bool, buffer int) (_ int32, bound *net.TCPAddr, err error) {
	var a sockaddr
	a.set(address)
	fd, err := unix.Socket(family(address), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, nil, os.NewSyscallError("socket", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
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
	set(unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, deferAccept, clientFirst)
	if err == nil {
		err = setAcceptOptions(fd)
	}
	if err != nil {
		return -1, nil, err
	}
	SetBuffers(int32(fd), buffer)
	if err = a.bind(fd); err != nil {
		return -1, nil, os.NewSyscallError("bind", err)
	}
	if err = a.local(int32(fd)); err != nil {
		return -1, nil, os.NewSyscallError("getsockname", err)
	}
	return int32(fd), net.TCPAddrFromAddrPort(a.addrPort()), nil
}

// ListenUnix binds a Unix socket to a path, where no file may exist, and returns n descriptors of it,
// one for each loop.
func ListenUnix(path string, n int) (fds []int32, err error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	fds = []int32{int32(fd)}
	defer func() {
		if err != nil {
			closeAll(fds)
			fds = nil
		}
	}()
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return fds, os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return fds, os.NewSyscallError("listen", err)
	}
	for len(fds) < n {
		again, err := Duplicate(int32(fd))
		if err != nil {
			return fds, err
		}
		fds = append(fds, again)
	}
	return fds, nil
}

func closeAll(fds []int32) {
	for _, fd := range fds {
		Close(fd)
	}
}
