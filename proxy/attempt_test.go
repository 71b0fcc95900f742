//go:build linux

package proxy

import (
	"fmt"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// fullListener returns an address whose kernel drops new connections: the accept queue is full and
// nobody accepts.
func fullListener(t *testing.T) string {
	t.Helper()
	address, fd := fullSocket(t)
	t.Cleanup(func() { _ = unix.Close(fd) })
	return address
}

// fullSocket is fullListener with the listening socket, which the caller closes.
func fullSocket(t *testing.T) (address string, fd int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address = fmt.Sprint("127.0.0.1:", bound.(*unix.SockaddrInet4).Port)
	c, err := net.Dial("tcp", address) // a queue of length 0 has room for one
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return address, fd
}

// A node that receives no packet is passed over after timeouts.dial. The kernel drops a SYN if the
// accept queue is full.
func TestNodeThatDoesNotAnswerIsPassedOverAfterDialTimeout(t *testing.T) {
	proxytest.WaitAbreast(t)
	inModesAbreast(t, allModes, func(t *testing.T, m mode) {
		alive := m.startNode(t, nil)
		mute := fullListener(t)
		r := m.start(t, []string{mute, alive.address()}, func(s *snapshot.Snapshot) { s.Timeouts.Dial = 2 * time.Second }) // the live node's time, too
		for i := 0; r.srv.Stats().Flows[0].DialErrors == 0; i++ {
			if i == 20 {
				t.Fatal("no identifier met the mute node")
			}
			r.open(fmt.Sprint("device-", i))
		}
	})
}

func TestClientThatBreaksDuringTheDialIsLetGo(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := m.start(t, []string{fullListener(t)})
		c := r.dial()
		c.send(connect311)
		eventually(t, "the dial", func() bool { return r.node(0).Open() == 1 })
		c.reset()
		r.waitOutcome(outcome.ClientGone, 1)
	})
}
