package proxy

import (
	"bufio"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// A client that has connected many times before its ban begins has no more tries than others.
func TestAConnectionThatWasOpenBeforeItsBanIsRefused(t *testing.T) {
	needLoopbackNetwork(t)
	inEachMode(t, func(t *testing.T, m mode) {
		r := m.start(t, []string{m.startNode(t, nil).address()}, banAfter(3))
		early := r.handshakeAndUpgrade(r.dialFrom("127.0.0.2"))
		early.send(connect311[:1]) // a silent connection in the clear is not accepted yet
		eventually(t, "the connection", func() bool { return r.srv.Stats().Listeners[0].Accepted == 1 })
		if _, err := r.srv.Ban(netip.MustParseAddr("127.0.0.2"), time.Hour); err != nil {
			t.Fatal(err)
		}
		early.send(connect311[1:])
		if got := string(early.rest()); !strings.HasPrefix(got, "\x20\x02\x00\x03") {
			t.Errorf("told % x", got)
		}
		r.waitOutcome(outcome.Banned, 1)
		r.openFrom("127.0.0.3")
	})
}

// The next request of a connection that was open before its ban is refused.
func TestARequestOfABannedAddressIsRefused(t *testing.T) {
	needLoopbackNetwork(t)
	r := dashboard(t)
	c := r.dialFrom("127.0.0.2")
	in := bufio.NewReader(c)
	if got := c.get(in, "/page/"); !strings.HasPrefix(got, "200 ") {
		t.Fatalf("answered %q", got)
	}
	if _, err := r.srv.Ban(netip.MustParseAddr("127.0.0.2"), time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := c.get(in, "/page/"); got != "403 this address is banned for a while\n" {
		t.Errorf("answered %q", got)
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("the connection stays: %v", err)
	}
	if n := r.srv.Bans()[0].Closed; n != 1 {
		t.Errorf("%d are counted", n)
	}
}

// A ban of IPv6 is one of 64 bits. An exempt address in it gets in.
func TestAnExemptAddressIsNotBannedWithItsNetwork(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()}, banAfter(3), func(s *snapshot.Snapshot) {
		s.Listeners[0].AcceptProxy, s.Listeners[0].Trusted = true, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		s.Bans.Exempt = []netip.Prefix{netip.MustParsePrefix("2001:db8::5/128")}
	})
	of := func(client string) *client {
		h, err := proxyproto.HeaderProxyFromAddrs(2, tcpAddr(client), tcpAddr("[2001:db8:1::1]:1883")).Format()
		if err != nil {
			t.Fatal(err)
		}
		c := r.dialBare(r.srv.Addr("mqtt"))
		c.send(h)
		return c
	}
	r.misbehave(3, func() *client { return of("[2001:db8::6]:4000") })
	r.waitBan(1)
	r.banned(1, func() *client { return of("[2001:db8::7]:4000") })
	c := of("[2001:db8::5]:4000")
	c.send(connect311)
	c.expect(connack311)
}
