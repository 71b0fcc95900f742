package proxy

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// banAfter has addresses banned after a number of refusals, until the test ends.
func banAfter(refusals int) setting {
	return func(s *snapshot.Snapshot) {
		s.Bans = snapshot.Bans{Refusals: refusals, Within: time.Hour, Time: time.Hour}
	}
}

// misbehave begins n connections with what no listener takes.
func (r *rig) misbehave(n int, connect func() *client) {
	r.t.Helper()
	for range n {
		c := connect()
		_, _ = c.Write([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\r\n\r\n"))
		_ = c.rest()
		_ = c.Close()
	}
}

// banned expects n connections to be closed without an answer.
func (r *rig) banned(n int, connect func() *client) {
	r.t.Helper()
	for range n {
		c := connect()
		_, _ = c.Write(hello(r.t)) // it may be closed already
		if got := c.rest(); len(got) > 0 {
			r.t.Errorf("answered % x", got)
		}
		_ = c.Close()
	}
}

// knock expects n connections from an address to be closed without an answer, even while they are made.
func (r *rig) knock(n int, source string) {
	r.t.Helper()
	for range n {
		d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
		c, err := d.DialContext(r.t.Context(), "tcp", r.srv.Addr("mqtt").String())
		if errors.Is(err, syscall.ECONNRESET) {
			continue
		}
		if err != nil {
			r.t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		r.banned(1, func() *client { return &client{r.t, c} })
	}
}

// waitBan waits until n addresses are banned.
func (r *rig) waitBan(n int) []Ban {
	r.t.Helper()
	eventually(r.t, "the ban", func() bool { return len(r.srv.Bans()) == n })
	return r.srv.Bans()
}

// An address is banned in every protocol, alone, and before TLS.
func TestBannedAddressIsClosedBeforeTLS(t *testing.T) {
	needLoopbackNetwork(t)
	inEachMode(t, func(t *testing.T, m mode) {
		r := m.start(t, []string{m.startNode(t, nil).address()}, banAfter(3))
		bad := func() *client { return r.dialFrom("127.0.0.2") }
		good := r.openFrom("127.0.0.3")
		r.misbehave(3, bad)
		ban := r.waitBan(1)[0]
		if ban.Address.String() != "127.0.0.2/32" || ban.Cause == "" || time.Until(ban.Until) < 50*time.Minute {
			t.Errorf("%+v", ban)
		}
		r.waitLine(`msg="address is banned" address=127.0.0.2 cause=` + ban.Cause)
		before := r.srv.Stats().Listeners[0].Handshakes
		r.knock(5, "127.0.0.2")
		r.waitOutcome(outcome.Banned, 5)
		r.openFrom("127.0.0.4")
		good.send([]byte("\xc0\x00"))
		good.expect([]byte("\xc0\x00"))
		if after := r.srv.Stats().Listeners[0].Handshakes; m.tls && (after.Done != before.Done+1 || after.Failed != before.Failed || after.Refused != before.Refused) {
			t.Errorf("%+v, and %+v before the ban", after, before)
		}
		if n := r.srv.Bans()[0].Closed; n != 5 {
			t.Errorf("%d were refused", n)
		}
		for line := range strings.Lines(r.log.String()) {
			if strings.Contains(line, "outcome=banned") && !strings.Contains(line, "level=DEBUG") {
				t.Errorf("a flood would fill the log: %s", line)
			}
		}
		if !r.srv.Unban(netip.MustParseAddr("127.0.0.2")) || r.srv.Unban(netip.MustParseAddr("127.0.0.2")) {
			t.Error("one ban, which ends once")
		}
		r.openFrom("127.0.0.2")
		if s := r.srv.Stats().Bans; s.Active != 0 || s.Begun[ban.Cause] != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// An operator bans on listeners that read nothing of MQTT, too. Open sessions stay.
func TestBanOfAnOperatorNeedsNoConfiguration(t *testing.T) {
	needLoopbackNetwork(t)
	for name, protocol := range map[string]snapshot.Protocol{"tcp": snapshot.TCP, "tls": snapshot.Passthrough, "mqtt": snapshot.MQTT} {
		t.Run(name, func(t *testing.T) {
			r := start(t, []string{startNode(t, nil).address()}, func(s *snapshot.Snapshot) { s.Listeners[0].Protocol = protocol })
			c := r.dialFrom("127.0.0.2")
			if protocol != snapshot.Passthrough {
				c.send(connect311)
				c.expect(connack311)
			}
			if _, err := r.srv.Ban(netip.MustParseAddr("127.0.0.2"), time.Hour); err != nil {
				t.Fatal(err)
			}
			r.knock(3, "127.0.0.2")
			r.waitOutcome(outcome.Banned, 3)
			if protocol != snapshot.Passthrough {
				c.send([]byte("\xc0\x00"))
				c.expect([]byte("\xc0\x00"))
			}
			if ban, err := r.srv.Ban(netip.MustParseAddr("127.0.0.2"), time.Millisecond); err != nil || time.Until(ban.Until) > time.Minute {
				t.Errorf("%+v, %v: the new time is in force", ban, err)
			}
			r.waitLine(`msg="address is not banned any more" address=127.0.0.2 cause=operator reason="its time is over" refused=3`)
			if n := len(r.srv.Bans()); n != 0 {
				t.Errorf("%d bans", n)
			}
			r.dialFrom("127.0.0.2").send(hello(t))
		})
	}
}

// Behind a PROXY header the client is banned, and the proxy never is.
func TestClientBehindAPROXYHeaderIsBanned(t *testing.T) {
	accept := func(s *snapshot.Snapshot) {
		s.Listeners[0].AcceptProxy, s.Listeners[0].Trusted = true, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
	for name, version := range map[string]byte{"v1": 1, "v2": 2} {
		t.Run(name, func(t *testing.T) {
			inEachMode(t, func(t *testing.T, m mode) {
				r := m.start(t, []string{m.startNode(t, nil).address()}, banAfter(3), accept)
				of := func(client string) *client {
					h, err := proxyproto.HeaderProxyFromAddrs(version, tcpAddr(client), tcpAddr("192.0.2.1:1883")).Format()
					if err != nil {
						t.Fatal(err)
					}
					c := r.dialBare(r.srv.Addr("mqtt"))
					c.send(h)
					return c
				}
				bad := func() *client { return of("203.0.113.7:4000") }
				r.misbehave(3, bad)
				if ban := r.waitBan(1)[0]; ban.Address.String() != "203.0.113.7/32" {
					t.Errorf("%+v", ban)
				}
				r.banned(3, bad)
				r.waitOutcome(outcome.Banned, 3)
				c := r.handshakeAndUpgrade(of("203.0.113.8:4000"))
				c.send(connect311)
				c.expect(connack311)
				for range 10 { // the proxy's own faults
					c := r.dialBare(r.srv.Addr("mqtt"))
					c.send([]byte("no header\r\n"))
					_ = c.rest()
				}
				r.waitOutcome(outcome.BadProxyHeader, 10)
				if n := len(r.srv.Bans()); n != 1 {
					t.Errorf("%d bans", n)
				}
			})
		})
	}
}

func tcpAddr(s string) *net.TCPAddr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

// A banned client behind an HTTP proxy gets an answer, since a proxy may take a reset for a fault of its server.
func TestClientBehindAnHTTPProxyIsBanned(t *testing.T) {
	for _, m := range forwardedModes {
		t.Run(m.name, func(t *testing.T) {
			r := m.start(t, []string{m.startNode(t, nil).address()}, behindProxy127, banAfter(3))
			for range 3 {
				c := r.dialFrom("127.0.0.1")
				if _, status := r.forward(c, "203.0.113.7"); status != 101 {
					t.Fatalf("answered %d", status)
				}
				c.send([]byte("\x81\x00")) // text, without a mask
				_ = c.rest()
			}
			r.waitBan(1)
			for range 3 {
				c := r.dialFrom("127.0.0.1")
				if _, status := r.forward(c, "203.0.113.7"); status != 403 {
					t.Errorf("an upgrade is answered %d", status)
				}
				_ = c.Close()
			}
			r.waitOutcome(outcome.Banned, 3)
			r.openForwarded("203.0.113.8")
			r.openForwarded()
		})
	}
}

// guess is a CONNECT of 3.1.1 whose password the node below does not know.
var guess = []byte("\x10\x17\x00\x04MQTT\x04\xc2\x00\x3c\x00\x02c1\x00\x02me\x00\x03bad")

// Whoever guesses passwords is banned, whatever the version. A node that accepts others is well.
func TestGuessingPasswordsIsBanned(t *testing.T) {
	needLoopbackNetwork(t)
	inEachMode(t, func(t *testing.T, m mode) {
		n := m.startNode(t, func(c net.Conn) {
			b := make([]byte, 1000)
			got, _ := c.Read(b)
			_, _ = c.Write(pickBytes(bytes.Contains(b[:got], []byte("bad")), "\x20\x02\x00\x05", "\x20\x02\x00\x00"))
			_, _ = c.Read(b)
		})
		r := m.start(t, []string{n.address()}, banAfter(3))
		for range 3 {
			c := r.handshakeAndUpgrade(r.dialFrom("127.0.0.2"))
			c.send(guess)
			c.expect([]byte("\x20\x02\x00\x05"))
			_ = c.Close()
		}
		if ban := r.waitBan(1)[0]; ban.Cause != "connack" {
			t.Errorf("%+v", ban)
		}
		r.knock(2, "127.0.0.2")
		r.openFrom("127.0.0.3")
	})
}

func pickBytes(first bool, a, b string) []byte { return []byte(pick(first, a, b)) }

// A reload keeps the bans, ends those of newly exempt addresses, and ends all but the operators' without the section.
func TestBansOverAReload(t *testing.T) {
	needLoopbackNetwork(t)
	r := start(t, []string{startNode(t, nil).address()}, banAfter(2))
	for _, a := range []string{"127.0.0.2", "127.0.0.3"} {
		r.misbehave(2, func() *client { return r.dialFrom(a) })
	}
	r.waitBan(2)
	if _, err := r.srv.Ban(netip.MustParseAddr("127.0.0.4"), time.Hour); err != nil {
		t.Fatal(err)
	}
	apply := func(want int, change setting) {
		t.Helper()
		next := *r.snap
		change(&next)
		if err := r.srv.Apply(&next); err != nil {
			t.Fatal(err)
		}
		if n := len(r.srv.Bans()); n != want {
			t.Errorf("%d bans, want %d", n, want)
		}
	}
	apply(3, func(*snapshot.Snapshot) {})
	exempt := func(s *snapshot.Snapshot) { s.Bans.Exempt = []netip.Prefix{netip.MustParsePrefix("127.0.0.3/32")} }
	apply(2, exempt)
	r.misbehave(5, func() *client { return r.dialFrom("127.0.0.3") })
	if n := len(r.srv.Bans()); n != 2 {
		t.Errorf("%d bans: an exempt address was banned", n)
	}
	if _, err := r.srv.Ban(netip.MustParseAddr("127.0.0.3"), time.Hour); err == nil || !strings.Contains(err.Error(), "bans.exempt") {
		t.Errorf("an exempt address is banned: %v", err)
	}
	apply(1, func(s *snapshot.Snapshot) { s.Bans = snapshot.Bans{} })
	r.misbehave(5, func() *client { return r.dialFrom("127.0.0.2") })
	if n := r.srv.UnbanAll(); n != 1 {
		t.Errorf("%d bans ended", n)
	}
}
