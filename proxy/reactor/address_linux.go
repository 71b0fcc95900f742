package reactor

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sockaddr is a socket address in the form of the kernel. A loop uses one of them for all calls, so
// that accept and connect do not allocate as their wrappers in package unix do.
type sockaddr struct {
	raw unix.RawSockaddrAny
	len uint32
}

// accept accepts a connection from a listening descriptor and stores the peer's address in a. The
// connection is non-blocking and closed on exec.
func (a *sockaddr) accept(fd int32) (int32, error) {
	a.len = unix.SizeofSockaddrAny
	r, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&a.raw)),
		uintptr(unsafe.Pointer(&a.len)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int32(r), nil
}

// local stores the socket's own address in a.
func (a *sockaddr) local(fd int32) error {
	a.len = unix.SizeofSockaddrAny
	_, _, errno := unix.Syscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&a.raw)), uintptr(unsafe.Pointer(&a.len)))
	if errno != 0 {
		return errno
	}
	return nil
}

// bind binds a socket to the address in a.
func (a *sockaddr) bind(fd int) error {
	_, _, errno := unix.Syscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&a.raw)), uintptr(a.len))
	if errno != 0 {
		return errno
	}
	return nil
}

// connect begins a connection to the address in a. EINPROGRESS is not an error.
func (a *sockaddr) connect(fd int32) error {
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&a.raw)), uintptr(a.len))
	if errno != 0 && errno != unix.EINPROGRESS {
		return errno
	}
	return nil
}

// addrPort returns the address in a, with IPv4 unmapped. It is not valid for a Unix socket.
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

// set stores an address in a.
func (a *sockaddr) set(to netip.AddrPort) {
	if family(to) == unix.AF_INET {
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(&a.raw))
		*in = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.Addr().As4()}
		portToNetwork(&in.Port, to.Port())
		a.len = unix.SizeofSockaddrInet4
		return
	}
	in := (*unix.RawSockaddrInet6)(unsafe.Pointer(&a.raw))
	*in = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: to.Addr().As16(), Scope_id: scope(to.Addr().Zone())}
	portToNetwork(&in.Port, to.Port())
	a.len = unix.SizeofSockaddrInet6
}

// scope returns the number of an IPv6 zone, which is that number or the name of an interface, or 0 if
// there is none.
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

// family returns the address family of an address. IPv4 in IPv6 form counts as IPv4.
func family(a netip.AddrPort) int {
	if ip := a.Addr(); ip.Is4() || ip.Is4In6() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func portFromNetwork(p *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(p))[:])
}

func portToNetwork(p *uint16, port uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(p))[:], port)
}
