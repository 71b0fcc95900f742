package reactor

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

func TestReceiveTellsNothingYetFromTheEnd(t *testing.T) {
	ours, theirs := pair(t)
	defer Close(ours)
	defer Close(theirs)
	b := make([]byte, 8)
	if n, err := Receive(ours, b); n != 0 || err != ErrAgain {
		t.Errorf("nothing is there: %d, %v", n, err)
	}
	if n, err := Send(theirs, []byte("abc")); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	if n := Unread(ours); n != 3 {
		t.Errorf("%d bytes unread, want 3", n)
	}
	if n, err := Receive(ours, b); n != 3 || err != nil || string(b[:3]) != "abc" {
		t.Errorf("%q, %v", b[:n], err)
	}
	CloseWrite(theirs)
	if n, err := Receive(ours, b); n != 0 || err != nil {
		t.Errorf("the end: %d, %v", n, err)
	}
	if n := Unread(-1); n != 0 {
		t.Errorf("%d bytes unread in no socket", n)
	}
	if _, err := Receive(-1, b); err != unix.EBADF {
		t.Errorf("no socket: %v", err)
	}
}

func TestSendTakesWhatFitsAndOutlivesTheReader(t *testing.T) {
	ours, theirs := pair(t)
	defer Close(ours)
	bulk := bytes.Repeat([]byte("x"), 1<<20)
	total := 0
	for {
		n, err := Send(ours, bulk)
		if err != nil {
			t.Fatal(err)
		}
		if total += n; n == 0 {
			break
		}
	}
	if total == 0 {
		t.Error("the socket has taken nothing")
	}
	Close(theirs)
	if n, err := Send(ours, bulk); n != 0 || err != unix.EPIPE {
		t.Errorf("to a reader that is gone: %d, %v", n, err)
	}
}

func TestMovingBytesAllocatesNothing(t *testing.T) {
	ours, theirs := pair(t)
	defer Close(ours)
	defer Close(theirs)
	b := make([]byte, 64)
	if n := testing.AllocsPerRun(100, func() {
		_, _ = Send(theirs, b)
		_, _ = Receive(ours, b)
		_, _ = Receive(ours, b) // ErrAgain
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// accepted returns the other side of a connection that connect begins.
func accepted(t *testing.T, connect func(to netip.AddrPort)) *net.TCPConn {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	connect(ln.Addr().(*net.TCPAddr).AddrPort())
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

func TestConnectionIsMadeAndAborted(t *testing.T) {
	h := newEcho(t)
	var fd int32
	peer := accepted(t, func(to netip.AddrPort) {
		var err error
		if fd, err = NewSocket(to, 0); err != nil {
			t.Fatal(err)
		}
		if err := Connected(fd); err != ErrNotConnected {
			t.Errorf("before it begins: %v", err)
		}
		if _, err := Send(fd, []byte("x")); err != unix.EPIPE && err != ErrNotConnected {
			t.Errorf("bytes before it begins: %v", err)
		}
		if err := h.Connect(fd, to); err != nil {
			t.Fatal(err)
		}
	})
	if err := Connected(fd); err != nil {
		t.Errorf("once it is made: %v", err)
	}
	if own, err := h.LocalAddr(fd); err != nil || own.String() != peer.RemoteAddr().String() {
		t.Errorf("its address is %v, %v; the peer has it from %v", own, err, peer.RemoteAddr())
	}
	if on, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY); err != nil || on != 1 {
		t.Errorf("TCP_NODELAY is %d, %v", on, err)
	}
	KeepAlive(fd)
	if idle, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE); err != nil || idle != keepAliveIdle {
		t.Errorf("keepalive after %d s, %v", idle, err)
	}
	duplicate, err := Duplicate(fd)
	if err != nil {
		t.Fatal(err)
	}
	Close(fd)
	if err := Connected(duplicate); err != nil {
		t.Errorf("the other descriptor, after the close of the first: %v", err)
	}
	Abort(duplicate)
	Close(duplicate)
	if _, err := peer.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("the peer reads %v, want a reset", err)
	}
}

func TestConnectionThatIsRefusedSaysSo(t *testing.T) {
	h := newEcho(t)
	to := netip.MustParseAddrPort("127.0.0.1:1")
	fd, err := NewSocket(to, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(fd)
	if err := h.Connect(fd, to); err != nil {
		t.Fatal(err)
	}
	room := []unix.PollFd{{Fd: fd, Events: unix.POLLOUT}}
	if _, err := unix.Poll(room, int(patience.Milliseconds())); err != nil {
		t.Fatal(err)
	}
	if err := Connected(fd); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestDescriptorLimitIsRaisedToItsHardValue(t *testing.T) {
	limit, err := RaiseDescriptorLimit()
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil {
		t.Fatal(err)
	}
	if err != nil || limit != now.Cur || now.Cur != now.Max {
		t.Errorf("%d, %v; the process has %d of %d", limit, err, now.Cur, now.Max)
	}
}
