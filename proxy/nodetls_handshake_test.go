package proxy

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// badNodes are nodes whose handshake fails, and the errors in the log.
var badNodes = map[string]struct {
	handle func(*testing.T, net.Conn)
	said   string
}{
	"another name":  {shows(func() tls.Certificate { return testCA().Issue("other.example").TLS }), "TLS: certificate is valid for other.example, not node.example"},
	"another CA":    {shows(func() tls.Certificate { return foreignCA().Issue("node.example").TLS }), "TLS: certificate signed by unknown authority"},
	"no TLS":        {func(_ *testing.T, c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }, "TLS: the node speaks something else"},
	"closes":        {func(_ *testing.T, c net.Conn) { _, _ = c.Read(make([]byte, 1<<16)) }, "TLS: the node closed the connection during the handshake"},
	"never answers": {func(_ *testing.T, c net.Conn) { _, _ = io.Copy(io.Discard, c) }, "no connection and TLS handshake within timeouts.dial"},
	"old version": {func(t *testing.T, c net.Conn) {
		config := nodeConfig().Clone()
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		_ = tls.Server(c, config).HandshakeContext(t.Context())
	}, "TLS: remote error: tls: protocol version not supported"},
	"a client's certificate is asked for": {func(t *testing.T, c net.Conn) {
		config := nodeConfig().Clone()
		config.ClientAuth, config.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
		_ = tls.Server(c, config).HandshakeContext(t.Context())
	}, "TLS: remote error: tls: handshake failure"},
	"a client's certificate is asked for in TLS 1.3": {rejectCertificate, "TLS: remote error: tls: certificate required"},
}

// rejectCertificate is a node that rejects our certificate once our handshake is over.
func rejectCertificate(t *testing.T, c net.Conn) {
	config := nodeConfig().Clone()
	config.ClientAuth = tls.RequireAnyClientCert
	_ = tls.Server(c, config).HandshakeContext(t.Context())
}

var foreignCA = sync.OnceValue(func() *proxytest.CA { return proxytest.NewCA("foreign") })

// shows returns a node that makes a handshake with this certificate.
func shows(certificate func() tls.Certificate) func(*testing.T, net.Conn) {
	return func(t *testing.T, c net.Conn) {
		_ = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate()}}).HandshakeContext(t.Context())
	}
}

func TestNodeWhoseHandshakeFailsIsPassedOver(t *testing.T) {
	proxytest.WaitAbreast(t)
	for name, bad := range badNodes {
		t.Run(name, func(t *testing.T) {
			fails := startNode(t, func(c net.Conn) { bad.handle(t, c) })
			good := startTLSNode(t, nodeConfig(), nil)
			var told sync.Map
			r := startToTLS(t, []string{fails.address(), good.address()}, func(s *snapshot.Snapshot) {
				if name == "never answers" {
					s.Timeouts.Dial = 2 * time.Second // longer than a handshake takes here
				}
				s.Listeners[0].Pool.DialFailed = func(n *balancer.Node) { told.Store(n.Name, true) }
			})
			var clients []*client // the clients that meet the bad node wait at the same time
			for i := range 8 {
				c := r.dial()
				c.send(connectAs(fmt.Sprint("device-", i)))
				clients = append(clients, c)
			}
			for _, c := range clients {
				c.expect(connack311)
			}
			if n := r.srv.Stats().Flows[0].DialErrors; n == 0 || n == 8 {
				t.Errorf("%d of 8 identifiers met the node whose handshake fails", n)
			}
			if _, ok := told.Load("node-a"); !ok {
				t.Error("the health checks were not told")
			}
			r.node(1).SetOperator(balancer.Draining)
			c := r.dial()
			c.send(connect5)
			c.expect([]byte("\x20\x03\x00\x88\x00"))
			_ = c.Close()
			r.waitOutcome(outcome.DialFailed, 1)
			r.waitLine("level=DEBUG msg=dial listener=mqtt node=node-a error=\"")
			r.waitLine("outcome=dial_failed error=\"node node-a: " + bad.said)
		})
	}
}

// The alert races with the CONNECT, and the reset behind it with our next writes. Wherever we meet it,
// the next candidate gets all of the client's bytes.
func TestNodeThatTurnsUsAwayHasTakenNothing(t *testing.T) {
	for _, m := range []mode{mqttToMQTTS, wssToWSS, {name: "ws to mqtts", protocol: snapshot.WS, nodeTLS: true}} {
		t.Run(m.name, func(t *testing.T) {
			turns := startNode(t, func(c net.Conn) { rejectCertificate(t, c) })
			good := m.startNode(t, nil)
			r := m.start(t, []string{turns.address(), good.address()})
			for i := range 30 {
				id := fmt.Sprint("device-", i) + strings.Repeat("x", i%3*30_000)
				connect := binary.AppendUvarint([]byte{0x10}, uint64(12+len(id)))
				connect = append(connect, "\x00\x04MQTT\x04\x02\x00\x3c"...)
				connect = append(binary.BigEndian.AppendUint16(connect, uint16(len(id))), id...)
				c := r.dial()
				c.send(append(connect, "and more"...))
				c.expect(append(bytes.Clone(connack311), "and more"...))
				c.send([]byte("to the end"))
				c.expect([]byte("to the end"))
				_ = c.Close()
			}
			if n := r.srv.Stats().Flows[0].DialErrors; n == 0 || n == 30 {
				t.Errorf("%d of 30 identifiers met the node that turns us away", n)
			}
		})
	}
}

// Bytes sent to a node after the first ones are kept for another node up to a limit.
func TestClientThatHasSentMoreIsRefusedWhenItsNodeTurnsUsAway(t *testing.T) {
	sent, met := make(chan struct{}), make(chan struct{}, 2)
	config := nodeConfig().Clone()
	config.VerifyConnection = func(tls.ConnectionState) error {
		met <- struct{}{}
		<-sent
		return errors.New("go away")
	}
	turns := startTLSNode(t, config, nil)
	r := startToTLS(t, []string{turns.address(), turns.address()})
	c := r.dial()
	c.send(connect5)
	<-met
	more := make([]byte, earlyBytes+1)
	c.send(more)
	eventually(t, "the node has been sent it", func() bool {
		var received uint64
		for _, f := range r.srv.Stats().Flows {
			received += f.Received
		}
		return received == uint64(len(connect5)+len(more))
	})
	close(sent)
	c.expect([]byte("\x20\x03\x00\x88\x00"))
	c.rest()
	_ = c.Close()
	r.waitOutcome(outcome.DialFailed, 1)
	r.waitLine("TLS: remote error: tls: bad certificate")
	if len(met) > 0 {
		t.Error("the other node was tried")
	}
}

func TestNodeIsShownOurCertificateAndResumesOurSessions(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			states := make(chan tls.ConnectionState, 8)
			config := nodeConfig().Clone()
			config.MinVersion, config.MaxVersion = version, version
			config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, testCA().Pool()
			var n *node
			n = startTLSNode(t, config, func(c *tls.Conn) {
				states <- c.ConnectionState()
				n.serve(c)
			})
			r := start(t, []string{n.address()}, func(s *snapshot.Snapshot) {
				pool := s.Listeners[0].Pool
				pool.TLS = testNodeTLS(pool.Nodes(), testCA().Issue("balancer"))
			})
			for i := range 3 {
				c := r.open("c1")
				c.send([]byte("more"))
				c.expect([]byte("more")) // TLS 1.3 tickets come behind the handshake
				_ = c.Close()
				r.waitOutcome(outcome.ClientClosed, uint64(i+1))
				state := <-states
				if name := state.PeerCertificates[0].Subject.CommonName; name != "balancer" || state.DidResume != (i > 0) {
					t.Errorf("connection %d: client %q, resumed %v", i, name, state.DidResume)
				}
			}
		})
	}
}

// stallToTLS returns a client whose node has the ClientHello and does not answer.
func stallToTLS(t *testing.T, settings ...setting) (*rig, *client) {
	t.Helper()
	reached := make(chan struct{})
	backend := startNode(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1<<16))
		close(reached)
		_, _ = io.Copy(io.Discard, c)
	})
	r := startToTLS(t, []string{backend.address()}, settings...)
	c := r.dial()
	c.send(connect311)
	<-reached
	return r, c
}

func TestClientThatLeavesDuringTheNodesHandshakeIsLetGo(t *testing.T) {
	r, c := stallToTLS(t)
	c.reset()
	r.waitOutcome(outcome.ClientGone, 1)
}

func TestStopEndsAHandshakeWithANode(t *testing.T) {
	r, c := stallToTLS(t, func(s *snapshot.Snapshot) { s.Timeouts.Shutdown = 0 })
	r.stop()
	c.rest()
	r.waitOutcome(outcome.Shutdown, 1)
}

// The gate bounds handshakes and not sessions: all clients get through.
func TestHandshakesWithNodesWaitForTheirTurn(t *testing.T) {
	backend := startTLSNode(t, nodeConfig(), nil)
	gate := tlsterm.NewGate(2, 0, 1000)
	r := start(t, []string{backend.address()}, toTLS, func(s *snapshot.Snapshot) { s.Listeners[0].Pool.TLS.Gates["node-a"] = gate })
	var clients []*client
	for i := range 50 {
		c := r.dial()
		c.send(connectAs(fmt.Sprint("device-", i)))
		clients = append(clients, c)
	}
	for _, c := range clients {
		c.expect(connack311)
	}
	if counts := gate.Counts(); counts.Done != 50 || counts.Running != 0 || counts.Waiting != 0 {
		t.Errorf("%+v", counts)
	}
	if n := strings.Count(r.log.String(), "msg=dial "); n != 0 {
		t.Errorf("%d dials failed", n)
	}
}

// A node gets its full time to answer a ClientHello. A session that has waited in our queue does not
// blame the node.
func TestNodeIsNotBlamedForOurQueue(t *testing.T) {
	proxytest.WaitAbreast(t)
	mute := startNode(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	var blamed atomic.Int32
	r := start(t, []string{mute.address()}, toTLS, func(s *snapshot.Snapshot) {
		s.Timeouts.Dial = 300 * time.Millisecond
		s.Listeners[0].Pool.TLS.Gates["node-a"] = tlsterm.NewGate(1, 0, 10)
		s.Listeners[0].Pool.DialFailed = func(*balancer.Node) { blamed.Add(1) }
	})
	var clients []*client
	for range 5 {
		c := r.dial()
		c.send(connect5)
		clients = append(clients, c)
	}
	for _, c := range clients {
		c.expect([]byte("\x20\x03\x00\x88\x00"))
		_ = c.Close()
	}
	r.waitOutcome(outcome.DialFailed, 5)
	eventually(t, "the lines", func() bool { return strings.Count(r.log.String(), "outcome=dial_failed") == len(clients) })
	waited := strings.Count(r.log.String(), `msg=dial listener=mqtt node=node-a error="no turn`)
	if n := int(blamed.Load()); n != len(clients)-waited || n == 0 {
		t.Errorf("blamed %d times by %d clients of whom %d had no turn", n, len(clients), waited)
	}
}

// The part of an upgrade that the socket does not take waits for room, also inside TLS, for at most
// timeouts.dial.
func TestNodeOfTLSThatDoesNotTakeTheUpgradeWholeIsPassedOverAfterDialTimeout(t *testing.T) {
	proxytest.WaitAbreast(t)
	full := startTLSNode(t, nodeConfig(), func(c *tls.Conn) { <-t.Context().Done() })
	r := wssToWSS.start(t, []string{full.address()}, func(s *snapshot.Snapshot) {
		s.MaxHeaderSize, s.Timeouts.Dial = 16<<20, 2*time.Second
	})
	c := r.dialBare(r.srv.Addr("mqtt"))
	c.secure(nil)
	ws, err := upgradedAt(c.Conn, "/mqtt?"+strings.Repeat("q", 12<<20))
	if err != nil {
		t.Fatal(err)
	}
	c.Conn = ws
	c.send(connect5)
	c.expect([]byte("\x20\x03\x00\x88\x00"))
	_ = c.Close()
	r.waitOutcome(outcome.UpgradeRefused, 1)
	r.waitLine("no answer within timeouts.dial")
}
