package proxy

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// TestHostileFirstBytes is the one table of bytes that clients may begin with: the bytes, the answer
// on the wire, and the outcome. Every row is sent whole and byte by byte, and ends the connection from
// our side.
func TestHostileFirstBytes(t *testing.T) {
	const (
		version31   = "\x20\x02\x00\x01" // return code 1
		identifier3 = "\x20\x02\x00\x02" // return code 2
	)
	v5 := func(code byte) string { return "\x20\x03\x00" + string([]byte{code}) + "\x00" }
	rows := []struct {
		name, sent, answer string
		outcome            outcome.Outcome
	}{
		// Not MQTT: closed at the first byte that shows it, without an answer unless a person may see it.
		{"HTTP request", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an MQTT server.\n", outcome.WrongProtocol},
		{"TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "", outcome.WrongProtocol},
		{"SSH", "SSH-2.0-OpenSSH_9.2\r\n", "", outcome.WrongProtocol},
		{"zeros", strings.Repeat("\x00", 64), "", outcome.WrongProtocol},
		{"PROXY header on a listener without", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + string(connect311), "", outcome.UntrustedProxy},
		{"PINGREQ first", "\xc0\x00", "", outcome.WrongProtocol},
		{"PUBLISH first", "\x30\x05\x00\x01tab", "", outcome.WrongProtocol},
		{"CONNACK first", "\x20\x02\x00\x00", "", outcome.WrongProtocol},
		{"reserved flag in the fixed header", "\x11" + string(connect311[1:]), "", outcome.NotMQTT},
		{"5-byte Remaining Length", "\x10\x80\x80\x80\x80\x01", "", outcome.NotMQTT},
		{"Remaining Length of 0", "\x10\x00", "", outcome.NotMQTT},
		{"protocol name in lower case", "\x10\x0e\x00\x04mqtt\x04\x02\x00\x3c\x00\x02c1", "", outcome.NotMQTT},
		{"protocol name of another length", "\x10\x0f\x00\x05MQTTT\x04\x02\x00\x3c\x00\x02c1", "", outcome.NotMQTT},

		// Levels that are not served.
		{"MQIsdp with level 5", "\x10\x10\x00\x06MQIsdp\x05\x02\x00\x3c\x00\x02c1", version31, outcome.UnsupportedVersion},
		{"MQTT with level 3", "\x10\x0e\x00\x04MQTT\x03\x02\x00\x3c\x00\x02c1", version31, outcome.UnsupportedVersion},
		{"MQTT with level 0", "\x10\x0e\x00\x04MQTT\x00\x02\x00\x3c\x00\x02c1", version31, outcome.UnsupportedVersion},
		{"MQTT with level 6", "\x10\x0e\x00\x04MQTT\x06\x02\x00\x3c\x00\x02c1", v5(0x84), outcome.UnsupportedVersion},

		// 3.1.1: malformed packets are closed without an answer, except for the identifier.
		{"200 MB Remaining Length, 3.1.1", "\x10\x80\xc2\xd7\x5f\x00\x04MQTT\x04", "", outcome.ConnectTooLarge},
		{"Will QoS 3", "\x10\x0e\x00\x04MQTT\x04\x1e\x00\x3c\x00\x02c1", "", outcome.MalformedConnect},
		{"Will QoS without Will", "\x10\x0e\x00\x04MQTT\x04\x0a\x00\x3c\x00\x02c1", "", outcome.MalformedConnect},
		{"Will Retain without Will", "\x10\x0e\x00\x04MQTT\x04\x22\x00\x3c\x00\x02c1", "", outcome.MalformedConnect},
		{"reserved connect flag", "\x10\x0e\x00\x04MQTT\x04\x03\x00\x3c\x00\x02c1", "", outcome.MalformedConnect},
		{"password without user name, 3.1.1", "\x10\x11\x00\x04MQTT\x04\x42\x00\x3c\x00\x02c1\x00\x01p", "", outcome.MalformedConnect},
		{"user name missing, 3.1.1", "\x10\x0e\x00\x04MQTT\x04\x82\x00\x3c\x00\x02c1", "", outcome.MalformedConnect},
		{"identifier past the packet", "\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x09c1", "", outcome.MalformedConnect},
		{"trailing byte", "\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x02c1x", "", outcome.MalformedConnect},
		{"U+0000 in the identifier", "\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02c\x00", "", outcome.MalformedConnect},
		{"identifier not UTF-8", "\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02c\xff", "", outcome.MalformedConnect},
		{"surrogate in the identifier", "\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03\xed\xa0\x80", "", outcome.MalformedConnect},
		{"empty identifier, clean session 0", "\x10\x0c\x00\x04MQTT\x04\x00\x00\x3c\x00\x00", identifier3, outcome.IdentifierRejected},
		{"empty identifier, 3.1", "\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x00", identifier3, outcome.IdentifierRejected},

		// 5: every one has its reason code.
		{"200 MB Remaining Length, 5", "\x10\x80\xc2\xd7\x5f\x00\x04MQTT\x05", v5(0x95), outcome.ConnectTooLarge},
		{"non-minimal Remaining Length, 5", "\x10\x8f\x00" + string(connect5[2:]), v5(0x81), outcome.MalformedConnect},
		{"Receive Maximum 0", "\x10\x12\x00\x04MQTT\x05\x02\x00\x3c\x03\x21\x00\x00\x00\x02c1", v5(0x82), outcome.MalformedConnect},
		{"duplicate property", "\x10\x19\x00\x04MQTT\x05\x02\x00\x3c\x0a\x11\x00\x00\x00\x01\x11\x00\x00\x00\x01\x00\x02c1", v5(0x82), outcome.MalformedConnect},
		{"unknown property", "\x10\x11\x00\x04MQTT\x05\x02\x00\x3c\x02\x7f\x00\x00\x02c1", v5(0x81), outcome.MalformedConnect},
		{"authentication data without method", "\x10\x13\x00\x04MQTT\x05\x02\x00\x3c\x04\x16\x00\x01d\x00\x02c1", v5(0x82), outcome.MalformedConnect},
		{"Will QoS 3, 5", "\x10\x0f\x00\x04MQTT\x05\x1e\x00\x3c\x00\x00\x02c1", v5(0x81), outcome.MalformedConnect},
		{"identifier not UTF-8, 5", "\x10\x0f\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02c\xff", v5(0x81), outcome.MalformedConnect},
		{"trailing byte, 5", "\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02c1x", v5(0x81), outcome.MalformedConnect},
	}
	backend := startNode(t, nil)
	r := start(t, []string{backend.address()})
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			for _, drip := range []bool{false, true} {
				before := r.outcomes(row.outcome)
				c := r.dial()
				c.t = t
				if drip {
					for i := range len(row.sent) {
						if _, err := c.Write([]byte{row.sent[i]}); err != nil {
							break // refused before the end, as it should be
						}
					}
				} else {
					c.send([]byte(row.sent))
				}
				if got := c.rest(); string(got) != row.answer {
					t.Errorf("drip %v: answered % x, want % x", drip, got, row.answer)
				}
				_ = c.Close()
				eventually(t, row.outcome.String(), func() bool { return r.outcomes(row.outcome) == before+1 })
			}
		})
	}
	if got := backend.firstWrites(); len(got) > 0 {
		t.Errorf("the node was sent % x", got)
	}
}

// The specification allows these, although HAProxy rejects some.
func TestUnusualButValidConnectsReachTheNode(t *testing.T) {
	const segment = 16 << 10 // of loopback, at least
	inEachMode(t, func(t *testing.T, m mode) {
		rows := []struct{ name, sent, answer string }{
			{"bridge, 3.1", "\x10\x10\x00\x06MQIsdp\x83\x02\x00\x3c\x00\x02c1", string(connack311)},
			{"bridge, 3.1.1", "\x10\x0e\x00\x04MQTT\x84\x02\x00\x3c\x00\x02c1", string(connack311)},
			{"non-minimal Remaining Length, 3.1.1", "\x10\x8e\x00" + string(connect311[2:]), string(connack311)},
			{"password without user name, 5", "\x10\x12\x00\x04MQTT\x05\x42\x00\x3c\x00\x00\x02c1\x00\x01p", string(connack5)},
			{"empty identifier, clean session", "\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", string(connack311)},
			{"empty identifier, 5, clean start 0", "\x10\x0d\x00\x04MQTT\x05\x00\x00\x3c\x00\x00\x00", string(connack5)},
			{"identifier of 60,000 bytes", "\x10\xec\xd4\x03\x00\x04MQTT\x04\x02\x00\x3c\xea\x60" + strings.Repeat("i", 60000), string(connack311)},
		}
		for _, row := range rows {
			t.Run(row.name, func(t *testing.T) {
				backend := m.startNode(t, nil)
				r := m.start(t, []string{backend.address()})
				c := r.dial()
				c.send([]byte(row.sent))
				c.expect([]byte(row.answer))
				want := row.sent
				got := backend.firstWrites()
				if len(want) > segment && len(got) == 1 && len(got[0]) >= segment {
					want = want[:min(len(want), len(got[0]))] // one write, but possibly one read for each segment
				}
				if !m.nodeWS && (len(got) != 1 || string(got[0]) != want) {
					t.Errorf("the node was sent %d bytes first, want the CONNECT of %d", len(got[0]), len(row.sent))
				}
			})
		}
	})
}

func TestClientThatLeavesAtAnyByteIsCounted(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		backend := m.startNode(t, nil)
		r := m.start(t, []string{backend.address()})
		var n uint64
		for _, whole := range [][]byte{connect31, connect311, connect5} {
			for i := 1; i < len(whole); i++ {
				c := r.dial()
				c.send(whole[:i])
				_ = c.Close()
				c = r.dial()
				c.send(whole[:i])
				c.reset()
				n += 2
			}
		}
		r.waitOutcome(outcome.ClientGone, n)
	})
}

func TestOpeningThatStallsAtAnyByteIsEnded(t *testing.T) {
	proxytest.WaitAbreast(t)
	proxytest.RunAbreast(t, map[string]func(*testing.T){
		"connect":   silenceAtAnyByteEndsAfterConnectPacket,
		"upgrade":   upgradeThatStallsAtAnyByteEndsAfterConnectPacket,
		"handshake": handshakeThatStallsAtAnyByteIsEnded,
	})
}

func silenceAtAnyByteEndsAfterConnectPacket(t *testing.T) {
	inModesAbreast(t, allModes, func(t *testing.T, m mode) {
		backend := m.startNode(t, nil)
		r := m.startShortWaits(t, []string{backend.address()}, func(s *snapshot.Snapshot) { s.Timeouts.ConnectPacket = 3 * time.Second }) // for 16 handshakes in 5 modes at once
		var clients []*client
		for i := range connect311 {
			c := r.dial()
			c.send(connect311[:i])
			clients = append(clients, c)
		}
		for _, c := range clients {
			if got := c.rest(); len(got) > 0 {
				t.Errorf("answered % x", got)
			}
		}
		r.waitOutcome(outcome.ConnectTimeout, uint64(len(connect311)))
	})
}

// A client that sends a byte now and then does not get more time.
func TestDrippingDoesNotPutOffConnectPacket(t *testing.T) {
	proxytest.WaitAbreast(t)
	r := start(t, []string{startNode(t, nil).address()}, func(s *snapshot.Snapshot) { s.Timeouts.ConnectPacket = 300 * time.Millisecond })
	c := r.dial()
	long := append([]byte("\x10\xff\x7f\x00\x04MQTT\x04\x02\x00\x3c\x7f\xf3"), bytes.Repeat([]byte("x"), 32000)...)
	for _, b := range long {
		if _, err := c.Write([]byte{b}); err != nil {
			break
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // it is the attack
	}
	r.waitOutcome(outcome.ConnectTimeout, 1)
}

func TestProxyHeadersThatAreBad(t *testing.T) {
	v2 := "\r\n\r\n\x00\r\nQUIT\n"
	rows := []struct {
		name, sent string
		outcome    outcome.Outcome
	}{
		{"none", string(connect311), outcome.BadProxyHeader},
		{"v1 without end", "PROXY TCP4 " + strings.Repeat("1", 200), outcome.BadProxyHeader},
		{"v1 of another family", "PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", outcome.BadProxyHeader},
		{"v1 with a port too high", "PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n", outcome.BadProxyHeader},
		{"v1 with words", "PROXY TCP4 a b c d\r\n", outcome.BadProxyHeader},
		{"v1 that ends in LF", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", outcome.BadProxyHeader},
		{"v2 of version 3", v2 + "\x31\x11\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01\x00\x02", outcome.BadProxyHeader},
		{"v2 with a short block", v2 + "\x21\x11\x00\x04\x01\x02\x03\x04", outcome.BadProxyHeader},
		{"v2 of 64 KiB", v2 + "\x21\x11\xff\xff", outcome.BadProxyHeader},
		{"header twice", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nPROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", outcome.UntrustedProxy},
	}
	r := start(t, []string{startNode(t, nil).address()}, func(s *snapshot.Snapshot) {
		s.Listeners[0].AcceptProxy, s.Listeners[0].Trusted = true, loopback
	})
	counts := map[outcome.Outcome]uint64{}
	for _, row := range rows {
		c := r.dial()
		c.send([]byte(row.sent))
		if got := c.rest(); len(got) > 0 {
			t.Errorf("%s: answered % x", row.name, got)
		}
		_ = c.Close()
		counts[row.outcome]++
		r.waitOutcome(row.outcome, counts[row.outcome])
	}
}

func TestProxyHeaderFromAStrangerIsNotBelieved(t *testing.T) {
	backend := startNode(t, nil)
	r := start(t, []string{backend.address()}, func(s *snapshot.Snapshot) {
		s.Listeners[0].AcceptProxy = true
		s.Listeners[0].Trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	})
	c := r.dial()
	c.send([]byte("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + string(connect311)))
	if got := c.rest(); len(got) > 0 {
		t.Errorf("answered % x", got)
	}
	r.waitOutcome(outcome.UntrustedProxy, 1)
	c = r.dial() // without a header it is a client like any other
	c.send(connect311)
	c.expect(connack311)
}

// The log names the rule that a device broke.
func TestLineSaysWhatWasWrongWithTheFirstBytes(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()}, func(s *snapshot.Snapshot) { s.ConnectRate = 1 })
	c := r.dial()
	c.send([]byte("\x10\x0e\x00\x04MQTT\x04\x1e\x00\x3c\x00\x02c1"))
	c.rest()
	_ = c.Close()
	r.waitLine("MQTT-3.1.2-14")
	r.open("first")
	for r.srv.rate.Take(int64(time.Hour)) { // otherwise time makes room for one more
	}
	c = r.dial()
	c.send(connectAs("second"))
	c.rest()
	_ = c.Close()
	r.waitLine("client_id=second") // refused, but named
}
