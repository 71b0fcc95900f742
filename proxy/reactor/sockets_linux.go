package reactor

import (
	"errors"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Receive reads what there is from a socket. 0 is the peer's end of stream, or comes
// with an error: ErrAgain when there is nothing. It may be called from any goroutine
// that owns the descriptor, like the other functions on one.
//
// Receive and Send call recv and send, which cost 4 % less of a round trip than
// read(2) and write(2), and raw, since a call that cannot block need not be
// known to Go's scheduler (4 % more; docs/benchmarks.md).
func Receive(fd int32, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// Send writes what the socket takes of b. Taking nothing is 0 and no error;
// ErrNotConnected means that the connection is not made yet.
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

// Unread is how many bytes a read would find in the socket; 0 if it cannot tell.
func Unread(fd int32) int {
	n, err := unix.IoctlGetInt(int(fd), unix.SIOCINQ)
	if err != nil {
		return 0
	}
	return n
}

// Unacknowledged is how many bytes that were sent the peer has not acknowledged; 0 if it
// cannot tell.
func Unacknowledged(fd int32) int {
	n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return n
}

// CloseWrite ends our stream: the peer reads its end.
func CloseWrite(fd int32) { _ = unix.Shutdown(int(fd), unix.SHUT_WR) }

// Abort makes the next close send RST and forget what was not sent.
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

// NewSocket makes a socket for a TCP connection to an address.
func NewSocket(to netip.AddrPort) (int32, error) {
	fd, err := unix.Socket(family(to), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	// Otherwise a small packet waits for the acknowledgement of the one before.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	return int32(fd), nil
}

// Connect begins a connection. Whether it is made says Send, or Connected; Room is
// the event that asks for another look.
func (l *Loop) Connect(fd int32, to netip.AddrPort) error {
	l.address.set(to)
	return l.address.connect(fd)
}

// Connected is nil once a connection is made, ErrNotConnected while it is being made,
// or why it was not.
func Connected(fd int32) error {
	if v, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR); err != nil || v != 0 {
		return errors.Join(err, unix.Errno(v))
	}
	_, err := unix.Getpeername(int(fd))
	return err
}

// LocalAddr is the socket's own address; not valid for a Unix socket.
func (l *Loop) LocalAddr(fd int32) (netip.AddrPort, error) {
	if err := l.address.local(fd); err != nil {
		return netip.AddrPort{}, err
	}
	return l.address.addrPort(), nil
}

// KeepAlive has the kernel look after a peer that is silent: it ends the connection
// 7 minutes after the peer is gone.
func KeepAlive(fd int32) {
	_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepAliveIdle)
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepAliveInterval)
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAliveCount)
}

// QuickAck acknowledges at once what comes next. A broker's tickets and its CONNACK
// are two small writes, and one that leaves Nagle's algorithm on holds the second back
// until the first is acknowledged, which is 40 ms later otherwise.
func QuickAck(fd int32) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
}
