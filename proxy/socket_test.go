package proxy

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// fullListener is an address whose kernel drops what arrives: nobody accepts
// there and the queue is full.
func fullListener(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	var a sockaddr
	a.set(netip.MustParseAddrPort("127.0.0.1:0"))
	if err := a.bind(fd); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	if err := a.local(int32(fd)); err != nil {
		t.Fatal(err)
	}
	address := a.addrPort().String()
	c, err := net.Dial("tcp", address) // a queue of length 0 has room for one
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return address
}

func TestSockaddrHoldsWhatWasSet(t *testing.T) {
	var a sockaddr
	for _, s := range []string{"0.0.0.0:0", "192.0.2.1:1883", "[::]:65535", "[2001:db8::1]:8883", "255.255.255.255:1"} {
		want := netip.MustParseAddrPort(s)
		a.set(want)
		if got := a.addrPort(); got != want {
			t.Errorf("%v came back as %v", want, got)
		}
	}
	a.set(netip.MustParseAddrPort("[::ffff:192.0.2.1]:1883"))
	if got := a.addrPort().String(); got != "192.0.2.1:1883" {
		t.Errorf("an IPv4 address in IPv6 form came back as %s", got)
	}
}
