package health

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A listener whose queue is full answers a SYN with nothing, as a dead machine does.
func TestProbeOfASilentMachineEndsWithItsTimeout(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*syscall.SockaddrInet4).Port}
	n := newPool(t, addr.String()).Nodes()[0]

	// A queue of zero holds one connection; nobody accepts it.
	queued, err := net.DialTCP("tcp", nil, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer queued.Close()

	for _, probe := range []Probe{TCP, MQTT} {
		r := newProber(Check{Probe: probe, Timeout: 50 * time.Millisecond}).probe(t.Context(), n)
		if r.err == nil || !strings.Contains(r.err.Error(), "within timeout 50ms") {
			t.Errorf("%v: %v", probe, r.err)
		}
	}
}
