//go:build linux

package proxy

import (
	"crypto/tls"
	"testing"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
)

// A refusal lingers until its client has left, and by then the loop has the connection back.
func TestRefusedUpgradeIsNobodysButTheLoops(t *testing.T) {
	for _, m := range []mode{wsToMQTT, wssToMQTT, wssToWS} {
		t.Run(m.name, func(t *testing.T) {
			r := m.start(t, []string{m.startNode(t, nil).address()})
			c := r.dialBare(r.srv.Addr("mqtt"))
			if m.tls {
				c.Conn = tls.Client(c.Conn, clientTLS(nil))
			}
			c.send([]byte(upgradeRequest("Sec-WebSocket-Protocol: amqp")))
			if answer, _ := c.response(); answer.StatusCode != 400 { //nolint:bodyclose // response has read and closed it
				t.Fatalf("answered %s", answer.Status)
			}
			eventually(t, "a refusal that waits for its client", func() (waits bool) {
				r.each(func(s *session) {
					waits = s.step == stepLinger && s.pending.loan == loan{} && s.client.watch == reactor.WatchInput
				})
				return waits
			})
			_ = c.Close()
			r.waitOutcome(outcome.BadUpgrade, 1)
		})
	}
}

// The line has the TLS error, whether TLS breaks before the CONNECT or later.
func TestLineSaysWhatBrokeTLSBeforeTheConnect(t *testing.T) {
	r := mqttsToMQTT.start(t, []string{startNode(t, nil).address()})
	c := r.dialBare(r.srv.Addr("mqtt"))
	if err := tls.Client(c.Conn, clientTLS(nil)).HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.send(append([]byte{0x17, 3, 3, 0, 32}, make([]byte, 32)...))
	r.waitOutcome(outcome.ClientGone, 1)
	r.waitLine(`outcome=client_gone error="TLS: `)
}
