package proxy

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// turnsAway are the ways in which a node does not accept a client.
func turnsAway(t *testing.T, m mode, ends func(error) bool) map[string]struct {
	node   func(net.Conn)
	reason RetryReason
} {
	busy := connackOf5(mqttparse.ServerBusy, "")
	all := map[string]struct {
		node   func(net.Conn)
		reason RetryReason
	}{
		"it refuses":            {says(t, busy, ends), RetryConnack},
		"it refuses and closes": {func(c net.Conn) { readConnectFrom(c, 0); _, _ = c.Write(busy); _ = c.Close() }, RetryConnack},
		"it closes":             {closes, RetryClosed},
		"it closes within its answer": {func(c net.Conn) {
			readConnectFrom(c, 0)
			_, _ = c.Write(busy[:3])
			_ = c.Close()
		}, RetryClosed},
		"it resets": {resets, RetryReset},
	}
	if m.nodeWS {
		all["it sends a close frame"] = struct {
			node   func(net.Conn)
			reason RetryReason
		}{saysClose, RetryClosed}
	}
	return all
}

func TestAClientThatItsNodeDoesNotAcceptIsServedByTheNextOne(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		for name, away := range turnsAway(t, m, byReset) {
			t.Run(name, func(t *testing.T) {
				s := m.startStubs(t, append(slices.Repeat([]func(net.Conn){away.node}, 2), accepts(t))...)
				failed := 0
				r := m.start(t, s.addresses, confirming, func(s *snapshot.Snapshot) {
					s.Listeners[0].Pool.DialFailed = func(*balancer.Node) { failed++ }
				})
				c := r.dial()
				c.send(append(bytes.Clone(connect5), "and more"...))
				c.expect(append(bytes.Clone(connack5), "and more"...))
				c.send([]byte("to the end"))
				c.expect([]byte("to the end"))
				r.wantRetries(away.reason, 2)
				r.wantAgreement("after two nodes", 1)
				if stats := r.srv.Stats(); stats.KeptBytes != 0 || stats.OpeningMemory != 0 || failed > 0 {
					t.Errorf("%d bytes kept, %d of openings, %d nodes reported as failed", stats.KeptBytes, stats.OpeningMemory, failed)
				}
				_ = c.Close()
				r.waitLine("outcome=client_")
				if log := r.log.String(); strings.Contains(log, "connack=") || strings.Contains(log, "error=") || strings.Count(log, "msg=confirm ") != 2 {
					t.Error(log)
				}
			})
		}
	})
}

func TestAClientThatNoNodeAcceptsGetsTheAnswerOfTheLastOne(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		first, last := connackOf5(mqttparse.ServerBusy, "first"), connackOf5(mqttparse.QuotaExceeded, "last")
		for name, away := range turnsAway(t, m, anyEnd) {
			t.Run(name+", then a refusal", func(t *testing.T) {
				s := m.startStubs(t, away.node, says(t, last, anyEnd))
				r := m.start(t, s.addresses, confirming)
				c := r.dial()
				c.send(connect5)
				c.expect(last)
				_ = c.Close()
				r.waitLine("connack=151")
				r.wantRetries(away.reason, 1)
			})
			t.Run("a refusal, then "+name, func(t *testing.T) {
				s := m.startStubs(t, says(t, first, byReset), away.node)
				r := m.start(t, s.addresses, confirming)
				c := r.dial()
				c.send(connect5)
				if away.reason != RetryConnack {
					c.expect(first)
					if rest := c.rest(); len(rest) > 0 {
						t.Errorf("and then % x", rest)
					}
					_ = c.Close()
					r.waitLine("connack=137")
					r.waitLine("outcome=server_" + map[RetryReason]string{RetryClosed: "closed", RetryReset: "reset"}[away.reason])
				} else {
					c.expect(connackOf5(mqttparse.ServerBusy, ""))
					_ = c.Close()
				}
				r.wantRetries(RetryConnack, 1)
			})
		}
	})
}

// What the client is told is the last answer that there was, also where the last node was not reached.
func TestAClientWhoseOtherNodesAreGoneGetsTheAnswerThatThereWas(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		refusal := connackOf5(mqttparse.UseAnotherServer, "evacuated")
		n := m.startNode(t, says(t, refusal, anyEnd))
		r := m.start(t, []string{n.address(), refusing}, confirming)
		for i := range 10 { // half of them meet the node that is gone first
			c := r.dial()
			id := fmt.Sprint("c", i)
			c.send(slices.Concat([]byte{0x10, 15, 0, 4}, []byte("MQTT\x05\x02\x00\x3c\x00\x00\x02"), []byte(id)))
			c.expect(refusal)
			_ = c.Close()
		}
		eventually(t, "the lines", func() bool { return strings.Count(r.log.String(), "connack=156") == 10 })
		if n := r.outcomes(outcome.DialFailed); n == 0 || n == 10 {
			t.Errorf("%d of 10 clients met the node that refuses first", n)
		}
	})
}

func TestOnlyANodesOwnReasonsSendAClientOn(t *testing.T) {
	own := map[mqttparse.Version][]byte{mqttparse.V5: {0x88, 0x89, 0x97, 0x9C, 0x9D, 0x9F}, mqttparse.V31: {3}, mqttparse.V311: {3}}
	codes := map[mqttparse.Version][]byte{
		mqttparse.V5: {
			0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
			0x8B, 0xFF, // these are none of a CONNACK
		},
		mqttparse.V31: {1, 2, 3, 4, 5, 6}, mqttparse.V311: {1, 2, 3, 4, 5, 6},
	}
	connects := map[mqttparse.Version][]byte{mqttparse.V31: connect31, mqttparse.V311: connect311, mqttparse.V5: connect5}
	for version, all := range codes {
		for _, code := range all {
			t.Run(fmt.Sprintf("%s %#02x", version, code), func(t *testing.T) {
				refusal, accepted := []byte{0x20, 2, 0, code}, connack311
				if version == mqttparse.V5 {
					refusal, accepted = []byte{0x20, 3, 0, code, 0}, connack5
				}
				s := mqttToMQTT.startStubs(t, says(t, refusal, anyEnd), accepts(t))
				r := mqttToMQTT.start(t, s.addresses, confirming)
				c := r.dial()
				c.send(connects[version])
				c.expect(pick(bytes.IndexByte(own[version], code) >= 0, accepted, refusal))
				_ = c.Close()
			})
		}
	}
	t.Run("version refused in the form of 3.1.1", func(t *testing.T) {
		s := mqttToMQTT.startStubs(t, says(t, []byte{0x20, 2, 0, 1}, anyEnd), accepts(t))
		r := mqttToMQTT.start(t, s.addresses, confirming)
		c := r.dial()
		c.send(connect5)
		c.expect([]byte{0x20, 2, 0, 1})
	})
}
