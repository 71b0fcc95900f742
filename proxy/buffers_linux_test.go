package proxy

import (
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"mqttlb/proxy/snapshot"
)

// buffersOf returns the sizes of the kernel's buffers of all clients and nodes.
func (r *rig) buffersOf() (sizes []int) {
	r.each(func(s *session) {
		for _, fd := range []int32{s.client.fd, s.server.fd} {
			for _, option := range []int{unix.SO_SNDBUF, unix.SO_RCVBUF} {
				n, _ := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, option)
				sizes = append(sizes, n)
			}
		}
	})
	return sizes
}

// Linux has twice the size for its own needs.
func TestClientsAndNodesHaveTheBuffersOfTheLimit(t *testing.T) {
	const size = 48 << 10
	r := start(t, []string{startNode(t, nil).address()}, func(s *snapshot.Snapshot) { s.SocketBuffer = size })
	first := r.open("first")
	sizes := r.buffersOf()
	for _, n := range sizes {
		if n != 2*size {
			t.Errorf("the buffers are %v, want %d", sizes, 2*size)
		}
	}
	if len(sizes) != 4 {
		t.Errorf("%d buffers of one session", len(sizes))
	}
	_ = first.Close()
	eventually(t, "the end of the first", func() bool { return r.srv.open() == 0 })

	// A reload is for new connections.
	r.apply(func(s *snapshot.Snapshot) { s.SocketBuffer = 2 * size })
	r.open("second")
	for _, n := range r.buffersOf() {
		if n != 4*size {
			t.Errorf("after a reload the buffers are %v, want %d", r.buffersOf(), 4*size)
		}
	}
}

// A reader that takes nothing costs no more than the buffers.
func TestASlowReaderHoldsNoMoreThanItsBuffers(t *testing.T) {
	const size = 64 << 10
	sent := make(chan int, 1)
	n := startNode(t, func(c net.Conn) {
		if _, err := io.ReadFull(c, make([]byte, len(connect311))); err != nil {
			return
		}
		_, _ = c.Write(connack311)
		_ = c.(*net.TCPConn).SetWriteBuffer(16 << 10)
		block, total := make([]byte, 16<<10), 0
		block[0], block[1], block[2], block[3] = 0x30, 0xfd, 0x7f, 0 // a PUBLISH of as many bytes
		for total < 32<<20 {
			got, err := c.Write(block)
			total += got
			select {
			case sent <- total:
			case <-sent:
				sent <- total
			}
			if err != nil {
				return
			}
		}
	})
	r := start(t, []string{n.address()}, func(s *snapshot.Snapshot) { s.SocketBuffer = size })
	c := r.dial()
	_ = c.Conn.(*net.TCPConn).SetReadBuffer(16 << 10)
	c.send(connect311)
	eventually(t, "bytes that are held", func() bool { return r.held() > 0 })
	queued := func() (unread, unsent int) {
		r.each(func(s *session) {
			unread, _ = unix.IoctlGetInt(int(s.server.fd), unix.SIOCINQ)
			unsent, _ = unix.IoctlGetInt(int(s.client.fd), unix.SIOCOUTQ)
		})
		return unread, unsent
	}
	last := -1
	eventually(t, "a standstill", func() bool {
		unread, unsent := queued()
		stands := unread+unsent == last
		last = unread + unsent
		return stands && unread > 0
	})
	if unread, unsent := queued(); unread > 2*size || unsent > 4*size {
		t.Errorf("%d bytes wait to be read and %d to be sent, with buffers of %d", unread, unsent, size)
	}
}
