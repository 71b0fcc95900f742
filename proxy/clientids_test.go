package proxy

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

var flapping = snapshot.ClientIDLimit{Sessions: 15, Within: time.Minute, Hold: 5 * time.Minute}

// sessions begins sessions of a client every so often until it is held off, and returns how many.
func (c *clientIDs) sessions(client uint64, limit *clientIDLimit, now *int64, every time.Duration, most int) int {
	for n := range most {
		if c.isHeld(client, limit, *now) {
			return n
		}
		c.began(client, limit, *now)
		*now += int64(every)
	}
	return most
}

func TestFlappingClientIsHeldOffForATime(t *testing.T) {
	c, limit, now := newClientIDs(), newClientIDLimit(flapping), int64(time.Hour)
	if n := c.sessions(7, &limit, &now, 0, 100); n != 15 {
		t.Errorf("held off after %d sessions at once", n)
	}
	for range 10 { // it tries again and again
		now += int64(flapping.Hold) / 10
		if held := c.isHeld(7, &limit, now-1); !held {
			t.Fatal("not held off for the whole time")
		}
		c.began(7, &limit, now-1) // one that was on its way
	}
	if n := c.sessions(7, &limit, &now, time.Second, 100); n < 15 || n > 25 {
		t.Errorf("held off after %d sessions, one a second, after its time", n)
	}
	now += int64(time.Hour)
	if n := c.sessions(7, &limit, &now, 4*time.Second, 1000); n != 1000 {
		t.Errorf("held off after %d sessions, one every 4 s", n)
	}
	if n := c.holds.Load(); n != 2 {
		t.Errorf("%d times held off", n)
	}
	off := newClientIDLimit(snapshot.ClientIDLimit{})
	if n := c.sessions(8, &off, &now, 0, 1000); n != 1000 {
		t.Errorf("held off after %d sessions without a limit", n)
	}
	if n := c.sessions(0, &limit, &now, 0, 1000); n != 1000 {
		t.Errorf("clients without an identifier are held off after %d sessions", n)
	}
}

// All clients come back at once, twice, and a third time a moment later.
func TestStormOfGoodClientsIsNotHeldOff(t *testing.T) {
	c, limit, now := newClientIDs(), newClientIDLimit(flapping), int64(time.Hour)
	for range 3 {
		for client := range uint64(50_000) {
			id := client*0x9e3779b97f4a7c15 + 1
			if c.isHeld(id, &limit, now) {
				t.Fatalf("client %d is held off", client)
			}
			c.began(id, &limit, now)
			now += int64(200 * time.Microsecond)
		}
	}
}

// A flood of other clients has one forgotten that is held off only if all in its row are.
func TestFloodOfClientsDoesNotSetOneFree(t *testing.T) {
	c, limit, now := newClientIDs(), newClientIDLimit(flapping), int64(time.Hour)
	c.sessions(7, &limit, &now, 0, 15)
	for client := range uint64(1_000_000) {
		c.began(client*0x9e3779b97f4a7c15+1, &limit, now)
	}
	if !c.isHeld(7, &limit, now) {
		t.Error("it is free")
	}
}

func TestIdentityOfAClient(t *testing.T) {
	c := newClientIDs()
	from := func(a string) opening.Client {
		return opening.Client{Source: netip.AddrPortFrom(netip.MustParseAddr(a), 4000)}
	}
	connect := func(id, user, password string) *mqttparse.Connect {
		return &mqttparse.Connect{ClientID: []byte(id), Username: []byte(user), Password: []byte(password)}
	}
	of := func(m *mqttparse.Connect, a string, secure *tlsterm.Info) uint64 {
		return c.identity(m, from(a), secure)
	}
	cert := &tlsterm.Info{Verified: true, Subject: "CN=a", Serial: "1"}
	victim := of(connect("id", "me", "secret"), "192.0.2.1", nil)
	for what, other := range map[string]uint64{
		"another identifier":       of(connect("other", "me", "secret"), "192.0.2.1", nil),
		"another password":         of(connect("id", "me", "guess"), "192.0.2.1", nil),
		"no password":              of(connect("id", "me", ""), "192.0.2.1", nil),
		"another user":             of(connect("id", "you", "secret"), "192.0.2.1", nil),
		"a certificate":            of(connect("id", "me", "secret"), "192.0.2.1", cert),
		"the same text, cut apart": of(connect("idm", "e", "secret"), "192.0.2.1", nil),
	} {
		if other == victim {
			t.Errorf("%s: the same client", what)
		}
	}
	if of(connect("id", "me", "secret"), "198.51.100.1", nil) != victim {
		t.Error("a client with a password is another one at another address")
	}
	if of(connect("id", "", ""), "192.0.2.1", cert) != of(connect("id", "", ""), "198.51.100.1", cert) {
		t.Error("a client with a certificate is another one at another address")
	}
	if of(connect("id", "me", ""), "192.0.2.1", nil) == of(connect("id", "me", ""), "198.51.100.1", nil) {
		t.Error("without credentials a stranger at another address is the same client")
	}
	if of(connect("id", "me", ""), "2001:db8::1", nil) != of(connect("id", "me", ""), "2001:db8::2", nil) {
		t.Error("an address of the same network is another client")
	}
	if of(connect("", "me", "secret"), "192.0.2.1", nil) != 0 {
		t.Error("a client without an identifier is known")
	}
	m, source := connect("id", "me", "secret"), from("192.0.2.1")
	if n := testing.AllocsPerRun(100, func() { c.identity(m, source, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// withPassword is a CONNECT of "c1" with a password, in MQTT 3.1.1 or 5.
func withPassword(version byte, password string) []byte {
	b := []byte{0, 4, 'M', 'Q', 'T', 'T', version, 0xc2, 0, 60}
	if version == 5 {
		b = append(b, 0)
	}
	for _, field := range []string{"c1", "me", password} {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(field))), field...)
	}
	return append([]byte{0x10, byte(len(b))}, b...)
}

// The flapping client is refused with a code of its version, and nobody else is.
func TestFlappingClientIsRefusedInItsVersion(t *testing.T) {
	needLoopbackNetwork(t)
	inEachMode(t, func(t *testing.T, m mode) {
		r := m.start(t, []string{m.startNode(t, nil).address()}, func(s *snapshot.Snapshot) {
			s.ClientID = snapshot.ClientIDLimit{Sessions: 3, Within: time.Hour, Hold: time.Hour}
		})
		connect := func(version byte, password string) *client {
			c := r.dial()
			c.send(withPassword(version, password))
			return c
		}
		var last *client
		for range 3 {
			last = connect(4, "secret")
			last.expect(connack311)
		}
		for version, want := range map[byte]string{4: "\x20\x02\x00\x03", 5: "\x20\x03\x00\x9f\x00"} {
			c := connect(version, "secret")
			c.expect([]byte(want))
			c.rest()
			_ = c.Close()
		}
		r.waitOutcome(outcome.RefusedClientIDRate, 2)
		r.waitLine("outcome=client_id_rate error=\"the client has begun more than 3 sessions within 1h0m0s, and is held off for 1h0m0s: see limits.connect_rate_per_client_id")
		connect(4, "other").expect(connack311)
		r.open("c1")
		r.open("c2")
		last.send([]byte("\xc0\x00"))
		last.expect([]byte("\xc0\x00")) // its session stays
		if n := r.srv.Stats().Bans.ClientsHeld; n != 1 {
			t.Errorf("%d clients were held off", n)
		}
	})
}

// Only sessions that a node has accepted count: no shortage, and no stranger without the password, holds a client off.
func TestRefusedClientDoesNotFlap(t *testing.T) {
	for what, answer := range map[string]string{"not authorized": "\x20\x02\x00\x05", "busy": "\x20\x02\x00\x03", "nothing": ""} {
		t.Run(what, func(t *testing.T) {
			n := startNode(t, func(c net.Conn) {
				b := make([]byte, 1000)
				_, _ = c.Read(b)
				_, _ = fmt.Fprint(c, answer)
			})
			r := start(t, []string{n.address()}, func(s *snapshot.Snapshot) {
				s.ClientID = snapshot.ClientIDLimit{Sessions: 1, Within: time.Hour, Hold: time.Hour}
			})
			for range 5 {
				c := r.dial()
				c.send(withPassword(4, "secret"))
				c.rest()
				_ = c.Close()
			}
			eventually(t, "the end of all", func() bool { return r.srv.open() == 0 })
			if n := r.outcomes(outcome.RefusedClientIDRate); n != 0 {
				t.Errorf("%d are held off", n)
			}
		})
	}
}
