package reactor

import (
	"errors"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Receive reads from a socket. It returns 0 and no error at the peer's end of stream, and ErrAgain if
// there is nothing to read. Like the other functions on a descriptor, it may be called from any
// goroutine that owns the descriptor.
//
// Receive and Send use recv and send instead of read(2) and write(2), which saves 4 % of a round trip.
// They make raw system calls, without notifying Go's scheduler, because these calls cannot block. That
// saves another 4 % (docs/benchmarks.md).
func Receive(fd int32, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// Send writes the part of b that the socket takes, and returns its length. Taking nothing is not an
// error. ErrNotConnected means that the connection is still being made.
func Send(fd int32, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EAGAIN:
		return 0, nil
	default:
		return 0, errno
	}
}

// Unread returns how many bytes wait to be read in the socket, or 0 if it cannot tell.
func Unread(fd int32) int {
	n, err := unix.IoctlGetInt(int(fd), unix.SIOCINQ)
	if err != nil {
		return 0
	}
	return n
}

// Unacknowledged returns how many sent bytes the peer has not acknowledged, or 0 if it cannot tell.
func Unacknowledged(fd int32) int {
	n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return n
}

// CloseWrite sends FIN.
func CloseWrite(fd int32) { _ = unix.Shutdown(int(fd), unix.SHUT_WR) }

// Abort makes the next Close send RST and drop the unsent bytes.
func Abort(fd int32) {
	_ = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

// Close closes a descriptor.
func Close(fd int32) { _ = unix.Close(int(fd)) }

// Duplicate returns another descriptor of the same socket. Any goroutine may call it
// while fd is open.
func Duplicate(fd int32) (int32, error) {
	duplicate, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	return int32(duplicate), err
}

// SetBuffers sets the sizes of both buffers of a socket, or has the kernel choose them if bytes is 0. Accepted
// sockets inherit those of their listening socket. A peer is told of a large buffer only if it is set before
// the connection is made. The kernel doubles the size for what it needs itself, and has a limit of its own;
// nothing depends on the result.
func SetBuffers(fd int32, bytes int) {
	if bytes == 0 {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BUF_LOCK, 0) // the size grows again
		return
	}
	_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, bytes)
	_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, bytes)
}

// NewSocket makes a socket for a TCP connection to an address. buffer is as in SetBuffers.
func NewSocket(to netip.AddrPort, buffer int) (int32, error) {
	fd, err := unix.Socket(family(to), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	// Without it a small packet waits until the one before is acknowledged.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if buffer > 0 {
		SetBuffers(int32(fd), buffer)
	}
	return int32(fd), nil
}

// Connect begins a connection. Send or Connected tells whether it is made; an event with Room says
// when to ask again.
func (l *Loop) Connect(fd int32, to netip.AddrPort) error {
	l.address.set(to)
	return l.address.connect(fd)
}

// SetSource prepares a socket that is bound to a source address before it is connected. The kernel then chooses its
// port by both addresses at once, when it is connected, so that connections to other addresses may share it. A
// transparent socket may have an address of another host. The error is an [os.SyscallError].
func SetSource(fd int32, from netip.Addr, transparent bool) error {
	err := unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	switch {
	case err != nil || !transparent:
	case from.Is4():
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TRANSPARENT, 1)
	default:
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_TRANSPARENT, 1)
	}
	return os.NewSyscallError("setsockopt", err)
}

// BindSource binds a socket to a source address; see SetSource.
func (l *Loop) BindSource(fd int32, from netip.Addr, transparent bool) error {
	if err := SetSource(fd, from, transparent); err != nil {
		return err
	}
	l.address.set(netip.AddrPortFrom(from, 0))
	return l.address.bind(int(fd))
}

// CanBind returns an error if this process cannot begin connections at a source address.
func CanBind(from netip.Addr, transparent bool) error {
	fd, err := NewSocket(netip.AddrPortFrom(from, 0), 0)
	if err != nil {
		return err
	}
	defer Close(fd)
	if err := SetSource(fd, from, transparent); err != nil {
		return err
	}
	var a sockaddr
	a.set(netip.AddrPortFrom(from, 0))
	return a.bind(int(fd))
}

// Connected returns nil once a connection is made, ErrNotConnected while it is being made, or the
// reason why it failed.
func Connected(fd int32) error {
	if v, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR); err != nil || v != 0 {
		return errors.Join(err, unix.Errno(v))
	}
	_, err := unix.Getpeername(int(fd))
	return err
}

// LocalAddr returns the socket's own address. It is not valid for a Unix socket.
func (l *Loop) LocalAddr(fd int32) (netip.AddrPort, error) {
	if err := l.address.local(fd); err != nil {
		return netip.AddrPort{}, err
	}
	return l.address.addrPort(), nil
}

// KeepAlive has the kernel probe a silent peer. A connection ends 7 minutes after its peer is gone.
func KeepAlive(fd int32) {
	_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepAliveIdle)
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepAliveInterval)
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAliveCount)
}

// QuickAck acknowledges the next bytes at once. A broker sends its session tickets and its CONNACK as
// two small writes. A broker with Nagle's algorithm holds the second back until the first is
// acknowledged, 40 ms later without QuickAck.
func QuickAck(fd int32) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
}
