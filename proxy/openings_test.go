package proxy

import (
	"testing"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// All unfinished CONNECTs together are bounded, at no cost to good clients of other addresses.
func TestUnfinishedConnectsAreBoundedTogether(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		if m.tls {
			t.Skip("the same, once TLS is taken off")
		}
		const each = 32 << 10
		r := m.start(t, []string{m.startNode(t, nil).address()}, func(s *snapshot.Snapshot) {
			s.OpeningMemory, s.MaxConnectSize, s.Timeouts.ConnectPacket = 20*each, 1<<20, time.Hour
		})
		slow := r.handshakeAndUpgrade(r.dialFrom("127.0.0.3"))
		slow.send(connect311[:7])
		begun := append([]byte("\x10\xff\xff\x03\x00\x04MQTT\x04\x02\x00\x00\x7f\xff"), make([]byte, each)...)
		for range 60 {
			_, _ = r.handshakeAndUpgrade(r.dialFrom("127.0.0.2")).Write(begun) // it may be evicted meanwhile
		}
		eventually(t, "evictions", func() bool { return r.outcomes(outcome.RefusedOpening) >= 30 })
		_ = r.open("good").Close()
		slow.send(connect311[7:])
		slow.expect([]byte("\x20\x02\x00\x00"))
	})
}

// A handshake that waits for its client counts the bytes that it holds.
func TestHandshakesThatStallAreBoundedTogether(t *testing.T) {
	const most = 10
	r := startTLS(t, []string{startNode(t, nil).address()}, over(func(t *snapshot.TLS) { t.Timeout = time.Hour }), func(s *snapshot.Snapshot) {
		s.OpeningMemory, s.Timeouts.ConnectPacket = most*(handshakeMemory+openingSocket+openingSize), time.Hour
	})
	whole := hello(t)
	for range 3 * most {
		c := r.dialFrom("127.0.0.2")
		c.send(whole)
		_, _ = c.Read(make([]byte, 3)) // the ServerHello, or the end
	}
	r.waitOutcome(outcome.RefusedOpening, 2*most)
	r.waitLine("limits.opening_memory is used up")
	_ = r.open("good").Close()
}
