package proxy

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

func TestWhatIsNoTLSIsSaidToBe(t *testing.T) {
	for _, row := range []struct {
		name, sent, fault string
		protocol          snapshot.Protocol
	}{
		{"an alert", "\x15\x03\x03\x00\x02\x02\x28", "client_alert", snapshot.MQTT},
		{"a huge record", "\x16\x03\x01\xff\xff" + strings.Repeat("x", 100), "protocol", snapshot.MQTT},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := mode{protocol: row.protocol, tls: true}.start(t, []string{startNode(t, nil).address()})
			c := r.dialBare(r.srv.Addr("mqtt"))
			c.send([]byte(row.sent))
			c.rest()
			_ = c.Close()
			r.waitOutcome(outcome.HandshakeFailed, 1)
			r.waitLine(`outcome=handshake_failed error="TLS handshake: ` + row.fault)
		})
	}
}

// hello returns a ClientHello in wire form.
func hello(t *testing.T) []byte {
	t.Helper()
	here, there := net.Pipe()
	defer there.Close()
	go func() { // ends when the pipe is closed
		_ = tls.Client(here, clientTLS(nil)).HandshakeContext(t.Context())
	}()
	b := make([]byte, 16<<10)
	n, err := there.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

func handshakeThatStallsAtAnyByteIsEnded(t *testing.T) {
	whole := hello(t)
	r := startTLS(t, []string{startNode(t, nil).address()}, over(func(t *snapshot.TLS) { t.Timeout = 50 * time.Millisecond }))
	var clients []*client
	for n := 0; n <= len(whole); n += 1 + len(whole)/40 {
		c := r.dialBare(r.srv.Addr("mqtt"))
		c.send(whole[:n])
		clients = append(clients, c)
	}
	for _, c := range clients {
		c.rest()
		_ = c.Close()
	}
	r.waitOutcome(outcome.ConnectTimeout, uint64(len(clients)))
}

func TestClientThatLeavesAtAnyByteOfItsHelloIsCounted(t *testing.T) {
	whole := hello(t)
	r := startTLS(t, []string{startNode(t, nil).address()})
	var n uint64
	for i := 1; i <= len(whole); i += 1 + len(whole)/40 {
		c := r.dialBare(r.srv.Addr("mqtt"))
		c.send(whole[:i])
		_ = c.Close()
		c = r.dialBare(r.srv.Addr("mqtt"))
		c.send(whole[:i])
		c.reset()
		n += 2
	}
	r.waitOutcome(outcome.ClientGone, n)
}

func TestStopEndsHandshakesThatStall(t *testing.T) {
	r := startTLS(t, []string{startNode(t, nil).address()}, func(s *snapshot.Snapshot) { s.Timeouts.Shutdown = 0 })
	whole := hello(t)
	begun := r.dialBare(r.srv.Addr("mqtt"))
	begun.send(whole)
	eventually(t, "the handshake", func() bool { return r.srv.Stats().Listeners[0].Handshakes.Running == 1 })
	reading := r.dialBare(r.srv.Addr("mqtt"))
	reading.send(whole[:20])
	eventually(t, "the accept", func() bool { return r.srv.open() == 2 })
	r.stop()
	begun.rest()
	reading.rest()
	r.waitOutcome(outcome.Shutdown, 2)
}

func TestHandshakesPastTheGateAreClosed(t *testing.T) {
	gate := tlsterm.NewGate(1, 0, 0)
	if err := gate.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := startTLS(t, []string{startNode(t, nil).address()}, over(func(t *snapshot.TLS) { t.Gate = gate }))
	second := r.dialBare(r.srv.Addr("mqtt"))
	second.send(hello(t))
	if got := second.rest(); len(got) > 0 {
		t.Errorf("answered % x", got)
	}
	_ = second.Close()
	r.waitOutcome(outcome.RefusedHandshake, 1)
	r.waitLine("tls.max_handshake_queue")
	gate.Leave(nil, nil)
	r.open("room again")
}

// A handshake that waits for its client delays no other: neither before its ClientHello is whole nor
// after it was answered.
func TestStalledHandshakesHoldUpNoOther(t *testing.T) {
	for _, m := range []mode{mqttsToMQTT, wssToMQTT} {
		t.Run(m.name, func(t *testing.T) {
			const stalled = 40
			r := start(t, []string{startNode(t, nil).address()}, m.set, func(s *snapshot.Snapshot) {
				s.Timeouts.ConnectPacket = time.Hour
				s.Listeners[0].TLS.Gate, s.Listeners[0].TLS.Timeout = tlsterm.NewGate(1, 0, stalled), time.Hour
			})
			whole := hello(t)
			var clients []*client
			for i := range 2 * stalled {
				c := r.dialBare(r.srv.Addr("mqtt"))
				clients = append(clients, c)
				if i%2 == 0 {
					c.send(whole[:1+i])
				} else {
					c.send(whole)
					c.expect([]byte{22, 3, 3}) // the ServerHello
				}
			}
			_ = r.open("good").Close()
			for _, c := range clients {
				_ = c.Close()
			}
			r.waitOutcome(outcome.ClientGone, 2*stalled)
		})
	}
}

// The limit must save the cost of a handshake.
func TestConnectionsPastTheLimitHaveNoHandshake(t *testing.T) {
	r := startTLS(t, []string{startNode(t, nil).address()}, func(s *snapshot.Snapshot) { s.MaxConnections = 1 })
	first := r.open("one")
	for range 20 {
		c := r.dialBare(r.srv.Addr("mqtt"))
		_, _ = c.Write(hello(t))
		if got := c.rest(); len(got) > 0 {
			t.Errorf("answered % x", got)
		}
		_ = c.Close()
	}
	r.waitOutcome(outcome.RefusedConnections, 20)
	if counts := r.srv.Stats().Listeners[0].Handshakes; counts.Done != 1 || counts.Failed != 0 {
		t.Errorf("%+v", counts)
	}
	_ = first.Close()
	r.waitOutcome(outcome.ClientClosed, 1)
	r.open("room again")
}

// A session whose time is over leaves the queue, so that turns are for those that still wait.
func TestSessionThatEndsLeavesTheQueueOfTheGate(t *testing.T) {
	proxytest.WaitAbreast(t)
	const queue = 30 // in seconds, more than patience
	r := startTLS(t, []string{startNode(t, nil).address()},
		over(func(t *snapshot.TLS) { t.Gate, t.Timeout = tlsterm.NewGate(0, 1, queue), 500*time.Millisecond }))
	whole := hello(t)
	for range queue {
		c := r.dialBare(r.srv.Addr("mqtt"))
		c.send(whole)
	}
	r.waitOutcome(outcome.ConnectTimeout, queue)
	eventually(t, "an empty queue", func() bool {
		counts := r.srv.Stats().Listeners[0].Handshakes
		return counts.Waiting == 0 && counts.Running == 0
	})
}
