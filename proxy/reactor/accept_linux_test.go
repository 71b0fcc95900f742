package reactor

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestConnectionsAreHandedOverWithTheirPeer(t *testing.T) {
	h, address, stop := startEcho(t)
	c := dialTCP(t, address)
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
		t.Errorf("%q, %v", b, err)
	}
	if peer := <-h.peers; peer.String() != c.LocalAddr().String() {
		t.Errorf("the peer is %v, want %v", peer, c.LocalAddr())
	}
	_ = c.Close()
	stop()
}

// Memory may still be short when the pause ends.
func TestAcceptingResumesThoughTheFirstTryFails(t *testing.T) {
	h, address, stop := startEcho(t)
	done := make(chan struct{})
	h.Do(func() {
		defer close(done)
		h.pauseAccept()
		h.pause.until = h.clock
		epoll := h.poller.epoll
		h.poller.epoll = -1 // every call of epoll_ctl fails
		h.resumeWhenDue()
		h.poller.epoll = epoll
		if !h.pause.on {
			t.Error("it accepts, as if nothing had failed")
		}
	})
	<-done
	c := dialTCP(t, address)
	if peer := <-h.peers; peer.String() != c.LocalAddr().String() {
		t.Errorf("the peer is %v, want %v", peer, c.LocalAddr())
	}
	_ = c.Close()
	stop()
}

func TestAcceptThatFailsPausesAndIsTold(t *testing.T) {
	socks, bound, err := ListenTCP("127.0.0.1:0", 1, false, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	h := newEcho(t, socks...)
	dialTCP(t, bound.String())
	sock := h.socks[0]
	defer Close(sock)
	no, other := pair(t) // these do not listen
	defer Close(no)
	defer Close(other)
	h.socks[0] = no
	h.accept(0)
	if len(h.failed) != 1 || h.failed[0] != unix.EINVAL || !h.pause.on {
		t.Errorf("told %v, paused: %v", h.failed, h.pause.on)
	}
	h.socks[0] = sock
	h.accept(0)
	if h.slots.Len() != 1 || h.pause.length != 0 {
		t.Errorf("%d connections; a pause of %v comes next", h.slots.Len(), h.pause.length)
	}
}

// Connections that the kernel completed before the stop are accepted.
func TestStopTakesWhatWaits(t *testing.T) {
	socks, bound, err := ListenTCP("127.0.0.1:0", 1, false, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	h := newEcho(t, socks...)
	const waiting = 2*AcceptBatch + 3
	for range waiting {
		dialTCP(t, bound.String())
	}
	h.StopAccepting()
	if n := h.slots.Len(); n != waiting {
		t.Errorf("%d connections were taken, want %d", n, waiting)
	}
	if _, err := net.Dial("tcp", bound.String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a client after the stop: %v", err)
	}
	h.StopAccepting() // a second call does nothing
	if n := h.slots.Len(); n != waiting {
		t.Errorf("%d connections after a second stop", n)
	}
}

func TestSocketsOfOneAddressShareItAndKeepOthersOut(t *testing.T) {
	before := descriptors(t)
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		fds, bound, err := ListenTCP(address, 3, true, false, 0)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if len(fds) != 3 || bound.Port == 0 {
			t.Errorf("%s: %d sockets at %v", address, len(fds), bound)
		}
		if _, _, err := ListenTCP(bound.String(), 3, true, false, 0); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("%v is bound twice: %v", bound, err)
		}
		closeAll(fds)
	}
	if n := descriptors(t); n != before {
		t.Errorf("%d descriptors open, %d before", n, before)
	}
}

// The first socket only finds out whether the address is free, and is closed again. No client may get
// into its queue, since closing it would reset the connection.
func TestClientThatConnectsWhileSocketsAreBoundIsNotReset(t *testing.T) {
	const address = "127.7.7.7:0" // not the client's own address, since a client could connect to itself
	fds, bound, err := ListenTCP(address, 3, false, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeAll(fds)
	for range 200 {
		bind, conns := make(chan struct{}), make(chan net.Conn, 1)
		go func() { // ends with its first connection
			defer close(conns)
			close(bind)
			for t.Context().Err() == nil {
				if c, err := net.Dial("tcp", bound.String()); err == nil {
					conns <- c
					return
				}
			}
		}()
		<-bind
		fds, _, err := ListenTCP(bound.String(), 3, false, false, 0)
		if err != nil {
			t.Fatal(err)
		}
		c := <-conns
		for _, fd := range fds {
			if own, _, err := unix.Accept(int(fd)); err == nil {
				_ = unix.Close(own)
			}
		}
		if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the client's connection has ended with %v", err)
		}
		_ = c.Close()
		closeAll(fds)
	}
}

func TestUnixSocketIsOneForAllLoops(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	before := descriptors(t)
	fds, err := ListenUnix(path, 2)
	if err != nil || len(fds) != 2 {
		t.Fatal(fds, err)
	}
	h := newEcho(t, fds...)
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h.accept(1)
	if h.slots.Len() != 1 {
		t.Fatalf("%d connections", h.slots.Len())
	}
	if peer := <-h.peers; peer.IsValid() {
		t.Errorf("its peer is %v", peer)
	}
	if _, err := ListenUnix(path, 2); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("bound twice: %v", err)
	}
	h.StopAccepting()
	h.Close()
	_ = c.Close()
	for conn := range h.slots.All() {
		if conn.open {
			Close(conn.fd)
			*conn = echoConn{}
		}
	}
	if n := descriptors(t); n != before {
		t.Errorf("%d descriptors open, %d before", n, before)
	}
}

// descriptors counts the process's descriptors, except Go's own epoll, which begins with the first use
// of package net.
func descriptors(t *testing.T) int {
	t.Helper()
	warm, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = warm.Close()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// The socket that finds out whether an address is free is closed again, and would reset a client in
// its queue.
func TestSocketThatIsOnlyBoundTakesNobody(t *testing.T) {
	fd, bound, err := bindTCP(netip.MustParseAddrPort("127.0.0.1:0"), false, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(fd)
	if c, err := net.Dial("tcp", bound.String()); !errors.Is(err, syscall.ECONNREFUSED) {
		if err == nil {
			_ = c.Close()
		}
		t.Errorf("a client that connects: %v", err)
	}
	if err := listen(fd); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", bound.String())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}
