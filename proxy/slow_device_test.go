package proxy

import (
	"crypto/tls"
	"testing"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// secureModes are listeners on which a handshake comes before a CONNECT: read by the loop, by its upgrade, and by net/http.
var secureModes = []mode{mqttsToMQTT, wssToMQTT, {name: "https to mqtt", protocol: snapshot.HTTP, tls: true}}

// The device of a slow network: each of its steps takes nearly as long as that step may. The sum is more than either.
func TestHandshakeAndConnectHaveTheirTimesOneAfterTheOther(t *testing.T) {
	proxytest.WaitAbreast(t)
	const short, slow = 3 * time.Second, 3500 * time.Millisecond
	wait := func() { time.Sleep(slow) } //nolint:forbidigo // the device is slow
	tests := map[string]func(*testing.T){}
	for _, m := range secureModes {
		tests["slow handshake, "+m.name] = func(t *testing.T) {
			r := start(t, []string{startNode(t, nil).address()}, m.set, func(s *snapshot.Snapshot) {
				s.Listeners[0].TLS.Timeout, s.Timeouts.ConnectPacket = patience, short
			})
			c := r.dialBare(r.srv.Addr("mqtt"))
			over := tls.Client(c.Conn, clientTLS(func(config *tls.Config) {
				config.VerifyConnection = func(tls.ConnectionState) error { wait(); return nil }
			}))
			if err := over.HandshakeContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			connectOver(t, m, c, over)
			_ = c.Close()
			r.waitOutcome(outcome.ClientClosed, 1)
		}
		tests["slow CONNECT, "+m.name] = func(t *testing.T) {
			r := start(t, []string{startNode(t, nil).address()}, m.set, func(s *snapshot.Snapshot) {
				s.Listeners[0].TLS.Timeout, s.Timeouts.ConnectPacket = short, patience
			})
			c := r.dialBare(r.srv.Addr("mqtt"))
			over := tls.Client(c.Conn, clientTLS(nil))
			if err := over.HandshakeContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			wait()
			connectOver(t, m, c, over)
			_ = c.Close()
			r.waitOutcome(outcome.ClientClosed, 1)
		}
		tests["the times of both are limited, "+m.name] = func(t *testing.T) {
			r := start(t, []string{startNode(t, nil).address()}, m.set, func(s *snapshot.Snapshot) {
				s.Listeners[0].TLS.Timeout, s.Timeouts.ConnectPacket = short, time.Second
			})
			c := r.dialBare(r.srv.Addr("mqtt"))
			over := tls.Client(c.Conn, clientTLS(nil))
			if err := over.HandshakeContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.Conn = over
			c.rest()
			_ = c.Close()
			r.waitOutcome(outcome.ConnectTimeout, 1)
			r.waitLine("within timeouts.connect_packet 1s")
			stalled := r.dialBare(r.srv.Addr("mqtt"))
			stalled.send(hello(t))
			stalled.rest()
			_ = stalled.Close()
			r.waitOutcome(outcome.ConnectTimeout, 2)
			r.waitLine(`error="TLS handshake: not over within tls.handshake_timeout 3s"`)
		}
	}
	// A proxy in front that sends its header and then waits has the time of the handshake, and no more.
	tests["PROXY header"] = func(t *testing.T) {
		r := start(t, []string{startNode(t, nil).address()}, mqttsToMQTT.set, func(s *snapshot.Snapshot) {
			s.Listeners[0].AcceptProxy, s.Listeners[0].Trusted = true, loopback
			s.Listeners[0].TLS.Timeout, s.Timeouts.ConnectPacket = time.Second, time.Hour
		})
		for _, row := range []struct{ sent, missing string }{{"PROXY TCP4 ", "PROXY header"}, {"PROXY TCP4 192.0.2.7 198.51.100.1 4711 8883\r\n", "ClientHello"}} {
			c := r.dialBare(r.srv.Addr("mqtt"))
			c.send([]byte(row.sent))
			c.rest()
			_ = c.Close()
			r.waitLine("no whole " + row.missing + " within tls.handshake_timeout 1s")
		}
		r.waitOutcome(outcome.ConnectTimeout, 2)
	}
	proxytest.RunAbreast(t, tests)
}

// connectOver sends a CONNECT over TLS, after an upgrade if the listener wants one, and expects its CONNACK.
func connectOver(t *testing.T, m mode, c *client, over *tls.Conn) {
	t.Helper()
	c.Conn = over
	if m.clientWS() {
		ws, err := upgraded(c.Conn)
		if err != nil {
			t.Fatal(err)
		}
		c.Conn = ws
	}
	c.send(connect311)
	c.expect(connack311)
}
