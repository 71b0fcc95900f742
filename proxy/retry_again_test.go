package proxy

import (
	"bytes"
	"fmt"
	"net"
	"testing"

	"mqttlb/mqttparse"
	"mqttlb/proxy/snapshot"
)

// alone starts a single node, whose connections are handled by one stub after the other.
func (m mode) alone(t *testing.T, handle ...func(net.Conn)) *stubs {
	s := m.startStubs(t, handle...)
	s.addresses = s.addresses[:1]
	return s
}

// A node of a cluster may close clients in the moments after another node has died.
func TestANodeThatHasClosedIsAskedAgainIfNoOtherIsLeft(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		s := m.alone(t, closes, resets, accepts(t))
		r := m.start(t, s.addresses, confirming)
		c := r.dial()
		c.send(append(bytes.Clone(connect5), "and more"...))
		c.expect(append(bytes.Clone(connack5), "and more"...))
		c.send([]byte("to the end"))
		c.expect([]byte("to the end"))
		if n := r.retries(); n != [RetryReasons]uint64{RetryClosed: 1, RetryReset: 1} {
			t.Errorf("retries %v", n)
		}
		r.wantAgreement("after two attempts", 1)
		if stats := r.srv.Stats(); stats.KeptBytes != 0 || stats.OpeningMemory != 0 {
			t.Errorf("%d bytes kept, %d of openings", stats.KeptBytes, stats.OpeningMemory)
		}
		_ = c.Close()
		r.waitLine("outcome=client_")
	})
}

// A client whose CONNECT is wrong is closed by every node: it must not come again and again.
func TestNodesThatCloseAreAskedAFewTimes(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		for attempts, want := range map[int]int32{2: 2, 10: 6} { // three rounds of two nodes
			t.Run(fmt.Sprint(attempts), func(t *testing.T) {
				s := m.startStubs(t, closes)
				r := m.start(t, s.addresses, confirmingWith(snapshot.Confirm{Attempts: attempts, Time: patience}))
				c := r.dial()
				c.send(connect5)
				if rest := c.rest(); len(rest) > 0 {
					t.Errorf("the client is told % x", rest)
				}
				_ = c.Close()
				r.waitLine("outcome=server_closed")
				if n := s.met.Load(); n != want {
					t.Errorf("%d attempts, want %d", n, want)
				}
			})
		}
	})
}

// The client of a node that refuses is told so, whatever another node does.
func TestNoNodeIsAskedAgainAfterARefusal(t *testing.T) {
	refusal := connackOf5(mqttparse.ServerBusy, "")
	inEachMode(t, func(t *testing.T, m mode) {
		s := m.alone(t, closes, says(t, refusal, anyEnd), accepts(t))
		r := m.start(t, s.addresses, confirming)
		c := r.dial()
		c.send(connect5)
		c.expect(refusal)
		_ = c.Close()
		r.waitLine("connack=137")
		r.wantRetries(RetryClosed, 1)
	})
}
