package reactor

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// ListeningAddr returns the address of a descriptor that is a listening stream socket, of TCP or Unix.
// For any other descriptor the error says what it is.
func ListeningAddr(fd int32) (net.Addr, error) {
	kind, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TYPE)
	switch {
	case errors.Is(err, unix.ENOTSOCK):
		return nil, errors.New("is no socket")
	case err != nil:
		return nil, os.NewSyscallError("getsockopt", err)
	case kind != unix.SOCK_STREAM:
		return nil, errors.New("is no stream socket")
	}
	if on, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || on == 0 {
		return nil, errors.New("is a socket that does not listen")
	}
	bound, err := unix.Getsockname(int(fd))
	if err != nil {
		return nil, os.NewSyscallError("getsockname", err)
	}
	if u, ok := bound.(*unix.SockaddrUnix); ok {
		return &net.UnixAddr{Net: "unix", Name: u.Name}, nil
	}
	protocol, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PROTOCOL)
	if err != nil || protocol != unix.IPPROTO_TCP && protocol != unix.IPPROTO_MPTCP { // Go's net.Listen makes MPTCP sockets
		return nil, fmt.Errorf("is a socket of protocol %d, and neither TCP nor Unix", protocol)
	}
	var a sockaddr
	if err := a.local(fd); err != nil {
		return nil, os.NewSyscallError("getsockname", err)
	}
	return net.TCPAddrFromAddrPort(a.addrPort()), nil
}

// ListenOn returns n descriptors of a listening socket that another process has bound, one for each
// loop. All loops accept from its one queue. A TCP socket gets the options of ListenTCP.
func ListenOn(fd int32, n int, clientFirst bool, buffer int) (fds []int32, err error) {
	defer func() {
		if err != nil {
			closeAll(fds)
			fds = nil
		}
	}()
	if err := unix.SetNonblock(int(fd), true); err != nil {
		return nil, err
	}
	if domain, _ := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN); domain != unix.AF_UNIX {
		for _, err := range []error{setAcceptOptions(int(fd)), SetClientFirst(fd, clientFirst)} {
			if err != nil && !errors.Is(err, unix.EOPNOTSUPP) { // older kernels do not have all of them for MPTCP
				return nil, err
			}
		}
		SetBuffers(fd, buffer)
	}
	for range n {
		again, err := Duplicate(fd)
		if err != nil {
			return fds, err
		}
		fds = append(fds, again)
	}
	return fds, nil
}
