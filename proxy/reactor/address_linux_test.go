package reactor

import (
	"net/netip"
	"testing"
)

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
