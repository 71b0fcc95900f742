package proxy

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sockaddr is a socket address as the kernel reads and writes it. A loop owns
// one and uses it for every call, so that accept and connect do not allocate as
// their wrappers in package unix do.
type sockaddr struct {
	raw unix.RawSockaddrAny
	len uint32
}

// accept takes a connection from a listening descriptor: non-blocking, closed
// on exec, the peer's address in a.
func (a *sockaddr) accept(fd int32) (int32, error) {
	a.len = unix.SizeofSockaddrAny
	r, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&a.raw)),
		uintptr(unsafe.Pointer(&a.len)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int32(r), nil
}

// local puts the socket's own address in a.
func (a *sockaddr) local(fd int32) error {
	a.len = unix.SizeofSockaddrAny
	_, _, errno := unix.Syscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&a.raw)), uintptr(unsafe.Pointer(&a.len)))
	if errno != 0 {
		return errno
	}
	return nil
}

// bind gives a socket the address in a.
func (a *sockaddr) bind(fd int) error {
	_, _, errno := unix.Syscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&a.raw)), uintptr(a.len))
	if errno != 0 {
		return errno
	}
	return nil
}

// connect begins a connection to the address in a; EINPROGRESS is no error.
func (a *sockaddr) connect(fd int32) error {
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&a.raw)), uintptr(a.len))
	if errno != 0 && errno != unix.EINPROGRESS {
		return errno
	}
	return nil
}

// addrPort is the address in a, an IPv4 address in IPv6 form unmapped. It is
// not valid for a Unix socket.
func (a *sockaddr) addrPort() netip.AddrPort {
	switch a.raw.Addr.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(&a.raw))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), portFromNetwork(&in.Port))
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(&a.raw))
		return netip.AddrPortFrom(netip.AddrFrom16(in.Addr).Unmap(), portFromNetwork(&in.Port))
	}
	return netip.AddrPort{}
}

// set puts an address in a.
func (a *sockaddr) set(to netip.AddrPort) {
	if ip := to.Addr(); ip.Is4() || ip.Is4In6() {
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(&a.raw))
		*in = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: ip.As4()}
		portToNetwork(&in.Port, to.Port())
		a.len = unix.SizeofSockaddrInet4
		return
	}
	in := (*unix.RawSockaddrInet6)(unsafe.Pointer(&a.raw))
	*in = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: to.Addr().As16(), Scope_id: scope(to.Addr().Zone())}
	portToNetwork(&in.Port, to.Port())
	a.len = unix.SizeofSockaddrInet6
}

// scope is the number of an IPv6 zone, which is that or the name of an
// interface; 0 where there is none.
func scope(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	i, err := net.InterfaceByName(zone)
	if err != nil {
		return 0
	}
	return uint32(i.Index)
}

// family is the address family of the address in a.
func (a *sockaddr) family() int { return int(a.raw.Addr.Family) }

func portFromNetwork(p *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(p))[:])
}

func portToNetwork(p *uint16, port uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(p))[:], port)
}

// epollWaitRaw is epoll_wait without a word to Go's scheduler; timeout is in ms.
func epollWaitRaw(epoll int, events []unix.EpollEvent, timeout uint) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(timeout), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// read reads what there is. 0 is the peer's end of stream, or comes with an
// error: EAGAIN when there is nothing.
//
// read and write call recv and send, which cost 4 % less of a round trip than
// read(2) and write(2), and raw, since a call that cannot block need not be
// known to Go's scheduler (4 % more; docs/benchmarks.md).
func read(fd int32, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// write writes what the socket takes. Taking nothing is 0 and no error.
func write(fd int32, b []byte) (int, error) {
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

// keepAlive has the kernel look after a peer that is silent.
func keepAlive(fd int) {
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepAliveIdle)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepAliveInterval)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAliveCount)
}

// quickAck acknowledges at once what comes next. A broker's tickets and its CONNACK
// are two small writes, and one that leaves Nagle's algorithm on holds the second back
// until the first is acknowledged, which is 40 ms later otherwise.
func quickAck(fd int32) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
}

// abort makes the next close send RST and forget what was not sent.
func abort(fd int32) {
	_ = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}
