package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"

	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
)

// told lists the goodbyes for the outcomes with which we end sessions, by protocol.
var told = []struct {
	outcome    outcome.Outcome
	disconnect string // version 5, after the CONNACK
	connack5   string // version 5, before the CONNACK
	connack3   string
	close      int
}{
	{outcome.IdleTimeout, "e0 02 8d 00", "", "", 1001},
	{outcome.ConnackTimeout, "", "20 03 00 88 00", "20 02 00 03", 1013},
	{outcome.HalfClosedTimeout, "", "", "", 1001},
	{outcome.WriteTimeout, "e0 02 89 00", "20 03 00 89 00", "20 02 00 03", 1013},
	{outcome.Shutdown, "e0 02 8b 00", "20 03 00 88 00", "20 02 00 03", 1001},
	{outcome.Kicked, "e0 02 98 00", "20 03 00 88 00", "20 02 00 03", 1008},
	{outcome.Drained, "e0 02 9c 00", "20 03 00 9c 00", "20 02 00 03", 1012},
	{outcome.NodeDown, "e0 02 9c 00", "20 03 00 9c 00", "20 02 00 03", 1012},
	{outcome.Moved, "e0 02 9c 00", "20 03 00 9c 00", "20 02 00 03", 1012},
	{outcome.CertificateRevoked, "e0 02 87 00", "20 03 00 87 00", "20 02 00 05", 1008},
}

var connects = map[mqttparse.Version][]byte{mqttparse.V31: connect31, mqttparse.V311: connect311, mqttparse.V5: connect5}

// publish is a PUBLISH that is long enough to be cut in its length and in its body.
var publish = append([]byte("\x30\x80\x01\x00\x01a"), bytes.Repeat([]byte("p"), 125)...)

// toClient returns the goodbye of a client in all layers: a packet, which may be empty, and a close
// frame.
func (m mode) toClient(packet string, code int) []string {
	return m.said(packet, code, m.clientWS(), m.tls)
}

// toNode returns the goodbye of a node. Frames that pass to it are not tracked, so no close frame may
// be inserted.
func (m mode) toNode() []string { return m.said("", 0, false, m.nodeTLS) }

func (m mode) said(packet string, code int, ws, tls bool) (said []string) {
	if packet != "" {
		said = append(said, packet)
	}
	if ws && code != 0 {
		said = append(said, fmt.Sprint("close ", code))
	}
	if tls {
		said = append(said, "close_notify")
	}
	return append(said, "FIN")
}

// leaving is a server with a node that the test plays.
type leaving struct {
	*rig
	mode  mode
	conns chan net.Conn
}

func startLeaving(t *testing.T, m mode, settings ...setting) *leaving {
	t.Helper()
	r := prepareLeaving(t, m, settings...)
	r.run()
	return r
}

// prepareLeaving is startLeaving for a server whose waits are set before it is run.
func prepareLeaving(t *testing.T, m mode, settings ...setting) *leaving {
	t.Helper()
	conns, over := make(chan net.Conn), make(chan struct{})
	backend := m.startNode(t, func(c net.Conn) {
		select {
		case conns <- c:
			<-over
		case <-over:
		}
	})
	r := &leaving{prepare(t, []string{backend.address()}, append(settings, m.set)...), m, conns}
	run := r.run
	r.run = func() {
		run()
		t.Cleanup(func() { close(over) }) // before the rig waits for goroutines
	}
	return r
}

// connect has a client send a CONNECT and its node read it.
func (r *leaving) connect(v mqttparse.Version) (client, node *peer) {
	r.t.Helper()
	client = r.clientPeer(r.mode)
	client.say(connects[v])
	c := <-r.conns
	if _, err := io.ReadFull(c, make([]byte, len(connects[v]))); err != nil {
		r.t.Fatalf("the CONNECT at the node: %v", err)
	}
	return client, nodePeer(r.t, r.mode, c)
}

// open is connect and the CONNACK.
func (r *leaving) open(v mqttparse.Version) (client, node *peer) {
	r.t.Helper()
	client, node = r.connect(v)
	connack := pick(v == mqttparse.V5, connack5, connack311)
	node.say(connack)
	client.expect(connack)
	return client, node
}

// ends checks the goodbyes of both, and that the session ends with the outcome.
func (r *leaving) ends(t *testing.T, o outcome.Outcome, client, node *peer, toClient, toNode []string, before ...byte) {
	t.Helper()
	if got := client.hear(before...); !slices.Equal(got, toClient) {
		t.Errorf("%v: the client heard %q, want %q", o, got, toClient)
	}
	if node != nil {
		if got := node.hear(); !slices.Equal(got, toNode) {
			t.Errorf("%v: the node heard %q, want %q", o, got, toNode)
		}
		_ = node.Close()
	}
	_ = client.Close()
	eventually(t, "the end of the session", func() bool { return r.srv.open() == 0 })
}

func TestEveryEndOfOursIsSaidInEveryLayer(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := startLeaving(t, m)
		for _, row := range told {
			for v := range connects {
				client, node := r.open(v)
				r.leave(row.outcome)
				r.ends(t, row.outcome, client, node, m.toClient(pick(v == mqttparse.V5, row.disconnect, ""), row.close), m.toNode())
			}
			r.waitOutcome(row.outcome, uint64(len(connects)))
		}
	})
}

func TestBeforeItsConnackAClientIsToldInAConnack(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := startLeaving(t, m)
		for _, row := range told {
			for v := range connects {
				client, node := r.connect(v)
				r.leave(row.outcome)
				r.ends(t, row.outcome, client, node, m.toClient(pick(v == mqttparse.V5, row.connack5, row.connack3), row.close), m.toNode())
			}
			r.waitOutcome(row.outcome, uint64(len(connects)))
		}
	})
}

// Before the CONNECT the version is unknown, so only the lower layers can say goodbye.
func TestBeforeItsConnectAClientIsToldBelowMQTT(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := startLeaving(t, m)
		for _, row := range told {
			client := r.clientPeer(m)
			client.say(connect5[:3])
			eventually(t, "the beginning of a CONNECT", func() bool {
				begun := false
				r.each(func(s *session) { begun = s.pending.borrower == nobody && s.pending.Size() > 0 })
				return begun
			})
			r.leave(row.outcome)
			r.ends(t, row.outcome, client, nil, m.toClient("", row.close), nil)
			r.waitOutcome(row.outcome, 1)
		}
	})
}
