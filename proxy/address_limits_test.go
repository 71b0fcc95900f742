package proxy

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// needLoopbackNetwork skips a test on systems where only 127.0.0.1 is on loopback.
func needLoopbackNetwork(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems do not have all of 127.0.0.0/8 on loopback")
	}
}

func perAddress(connections, rate int) setting {
	return func(s *snapshot.Snapshot) { s.MaxConnectionsPerAddress, s.ConnectRatePerAddress = connections, rate }
}

// refusals are the CONNECTs of each version and their refusals.
func refusals(code byte) []struct{ connect, answer []byte } {
	v3 := []byte("\x20\x02\x00\x03")
	return []struct{ connect, answer []byte }{
		{connect31, v3}, {connect311, v3}, {connect5, []byte{0x20, 3, 0, code, 0}},
	}
}

// openFrom opens an MQTT session from an address.
func (r *rig) openFrom(source string) *client {
	r.t.Helper()
	c := r.handshakeAndUpgrade(r.dialFrom(source))
	c.send(connect311)
	c.expect(connack311)
	return c
}

// refusedFrom connects in each version from an address over a limit, and expects a refusal with the
// code.
func (r *rig) refusedFrom(source string, code byte) {
	r.t.Helper()
	for _, row := range refusals(code) {
		c := r.dialFrom(source)
		c.send(row.connect)
		c.expect(row.answer)
		c.rest()
		_ = c.Close()
	}
}

func TestAddressWithTooManyConnectionsIsToldInItsVersion(t *testing.T) {
	needLoopbackNetwork(t)
	r := start(t, []string{startNode(t, nil).address()}, perAddress(2, 0))
	first := r.openFrom("127.0.0.2")
	r.openFrom("127.0.0.2")
	r.refusedFrom("127.0.0.2", 0x97)
	r.waitOutcome(outcome.RefusedAddress, 3)
	r.waitLine("outcome=address_connections")
	r.openFrom("127.0.0.3")

	// A client that waits for its refusal takes no place.
	silent := r.dialFrom("127.0.0.2")
	silent.send(connect311[:4])
	eventually(t, "the silent client", func() bool { return r.srv.open() == 4 })
	_ = first.Close()
	r.waitOutcome(outcome.ClientClosed, 1)
	r.openFrom("127.0.0.2")
	silent.send(connect311[4:])
	silent.expect([]byte("\x20\x02\x00\x03"))
	_ = silent.Close()
	r.waitOutcome(outcome.RefusedAddress, 4)
}

func TestAddressThatConnectsTooOftenIsToldInItsVersion(t *testing.T) {
	needLoopbackNetwork(t)
	r := start(t, []string{startNode(t, nil).address()}, perAddress(0, 1))
	r.srv.addresses.exhaust("127.0.0.2")
	r.refusedFrom("127.0.0.2", 0x9f)
	r.waitOutcome(outcome.RefusedAddressRate, 3)
	r.waitLine("outcome=address_rate")
	r.openFrom("127.0.0.3")
}

// Beyond the headroom for refusals nothing is read.
func TestFloodOfAnAddressIsClosedAtOnce(t *testing.T) {
	needLoopbackNetwork(t)
	for name, row := range map[string]struct {
		limit   setting
		outcome outcome.Outcome
	}{
		"connections": {perAddress(1, 0), outcome.RefusedAddress},
		"rate":        {perAddress(0, 1), outcome.RefusedAddressRate},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, []string{startNode(t, nil).address()}, row.limit)
			if row.outcome == outcome.RefusedAddressRate {
				r.srv.addresses.exhaust("127.0.0.2")
			} else {
				r.openFrom("127.0.0.2")
			}
			var silent []*client
			for range addressHeadroom + 20 {
				c := r.dialFrom("127.0.0.2")
				c.send(connect311[:4])
				silent = append(silent, c)
			}
			r.waitOutcome(row.outcome, 20)
			r.openFrom("127.0.0.3")
			for _, c := range silent {
				_ = c.Close()
			}
			r.waitOutcome(outcome.ClientGone, addressHeadroom)
		})
	}
}

// The proxy's own address has no limit, even for connections of its own.
func TestClientsBehindOneProxyAreCountedApart(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()}, perAddress(1, 0), func(s *snapshot.Snapshot) {
		s.Listeners[0].AcceptProxy, s.Listeners[0].Trusted = true, loopback
	})
	behind := func(header string) *client {
		t.Helper()
		c := r.dial()
		c.send(append([]byte(header), connect311...))
		return c
	}
	const header = "PROXY %s %s 40000 1883\r\n"
	seven := fmt.Sprintf(header, "TCP4", "192.0.2.7 192.0.2.1")
	first := behind(seven)
	first.expect(connack311)
	behind(fmt.Sprintf(header, "TCP4", "192.0.2.8 192.0.2.1")).expect(connack311)
	behind(fmt.Sprintf(header, "TCP6", "2001:db8::7 2001:db8::1")).expect(connack311)
	behind(fmt.Sprintf(header, "TCP6", "2001:db8:0:1::7 2001:db8::1")).expect(connack311)
	for range 5 {
		behind("PROXY UNKNOWN\r\n").expect(connack311)
	}
	for _, over := range []string{seven, fmt.Sprintf(header, "TCP6", "2001:db8::8 2001:db8::1")} {
		c := behind(over)
		c.expect([]byte("\x20\x02\x00\x03"))
		_ = c.Close()
	}
	r.waitOutcome(outcome.RefusedAddress, 2)
	_ = first.Close()
	r.waitOutcome(outcome.ClientClosed, 1)
	behind(seven).expect(connack311)
}

func TestClientsOnAUnixSocketHaveNoLimitOfAddresses(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()}, perAddress(1, 1), func(s *snapshot.Snapshot) {
		s.Listeners[0].Network, s.Listeners[0].Address = "unix", filepath.Join(t.TempDir(), "mqtt.sock")
	})
	for i := range 10 {
		r.open(fmt.Sprint(i))
	}
}

func TestAddressOverItsLimitIsClosedWhereNothingIsUnderstood(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()}, perAddress(1, 0), func(s *snapshot.Snapshot) { s.Listeners[0].Protocol = snapshot.TCP })
	first := r.open("c1")
	for range 3 {
		c := r.dial()
		if got := c.rest(); len(got) > 0 {
			t.Errorf("answered % x", got)
		}
		_ = c.Close()
	}
	r.waitOutcome(outcome.RefusedAddress, 3)
	_ = first.Close()
	r.waitOutcome(outcome.ClientClosed, 1)
	r.open("room again")
}
