//go:build linux

package bench

import (
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Every connection is registered once, for both directions, edge-triggered: a round trip
// costs one wait, one read and one write.
const connEvents = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET

// poll is an epoll instance. Each event has the caller's tag: a slot, and a generation
// that tells a descriptor from an earlier one with the same number.
type poll struct {
	fd     int
	events [256]unix.EpollEvent
}

func newPoll() (*poll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	return &poll{fd: fd}, nil
}

func (p *poll) add(fd int, events uint32, slot, generation int32) error {
	ev := unix.EpollEvent{Events: events, Fd: slot, Pad: generation}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// wait returns the events within the timeout. The slice is valid until the next call.
func (p *poll) wait(timeout time.Duration) ([]unix.EpollEvent, error) {
	ts := unix.NsecToTimespec(int64(max(timeout, 0)))
	// Not unix.EpollWait: its milliseconds are too coarse for the schedule of an open
	// loop.
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd),
		uintptr(unsafe.Pointer(&p.events[0])), uintptr(len(p.events)),
		uintptr(unsafe.Pointer(&ts)), 0, 0)
	switch errno {
	case 0:
		return p.events[:n], nil
	case unix.EINTR:
		return nil, nil
	case unix.ENOSYS:
		return nil, fmt.Errorf("epoll_pwait2: %w; Linux 5.11 or later is needed", errno)
	}
	return nil, fmt.Errorf("epoll_pwait2: %w", errno)
}

func (p *poll) close() error { return unix.Close(p.fd) }

// family returns the socket family of a and its address in the kernel's form.
func family(a netip.AddrPort) (int, unix.Sockaddr) {
	if ip := a.Addr().Unmap(); ip.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// reset closes fd with a RST, so that no TIME_WAIT occupies a port.
func reset(fd int) {
	// A failure costs a TIME_WAIT; the descriptor is closed all the same.
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	_ = unix.Close(fd)
}

// write sends b and returns the bytes that the socket did not take. A full socket is no
// error.
func write(fd int, b []byte) (rest []byte, err error) {
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		switch err {
		case nil:
			b = b[n:]
		case unix.EAGAIN:
			return b, nil
		case unix.EINTR:
		default:
			return b, err
		}
	}
	return nil, nil
}

// read reads into b. n is 0 without an error if no bytes have arrived. eof reports that
// the peer has closed its side.
func read(fd int, b []byte) (n int, eof bool, err error) {
	for {
		n, err := unix.Read(fd, b)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, false, nil
		case err != nil:
			return 0, false, err
		default:
			return n, n == 0, nil
		}
	}
}
