package proxy

import (
	"fmt"
	"io"
	"net"
	"testing"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

func TestStopEndsSessionsAtEveryStepAfterShutdown(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		silent := m.startNode(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		r := m.start(t, []string{silent.address()}, func(s *snapshot.Snapshot) { s.Timeouts.Shutdown = 0 })
		half := r.dial() // in stepOpen
		half.send(connect311[:5])
		unanswered := r.dial() // in stepConfirm
		unanswered.send(connect311)
		eventually(t, "the CONNECT at the node", func() bool { return r.srv.Stats().Flows[0].Total == 1 })
		r.node(0).SetOperator(balancer.Down)
		refused := r.dial() // in stepLinger
		refused.send(connect311)
		refused.expect([]byte("\x20\x02\x00\x03"))

		r.stop()
		for _, c := range []*client{half, unanswered, refused} {
			c.rest()
		}
		r.waitOutcome(outcome.Shutdown, 2)
		r.waitOutcome(outcome.NoNode, 1) // the reason for the refusal
		if _, err := net.Dial("tcp", r.srv.Addr("mqtt").String()); err == nil {
			t.Error("a client is taken after the end")
		}
	})
}

func TestStopLetsSessionsEndByThemselves(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := m.start(t, []string{m.startNode(t, nil).address()})
		c := r.open("c1")
		stopped := make(chan struct{})
		go func() { // ends with the server
			defer close(stopped)
			r.stop()
		}()
		eventually(t, "the end of accepting", func() bool {
			late, err := net.Dial("tcp", r.srv.Addr("mqtt").String())
			if err == nil {
				_ = late.Close()
			}
			return err != nil
		})
		c.send([]byte("still here"))
		c.expect([]byte("still here"))
		select {
		case <-stopped:
			t.Error("the server did not wait")
		default:
		}
		_ = c.Close()
		<-stopped
		if n := r.outcomes(outcome.ClientClosed); n != 1 {
			t.Errorf("%d sessions ended by themselves, want 1", n)
		}
	})
}

// The sessions of a loop leave in parts: none leaves twice, and none is left after the last part.
func TestSessionsLeaveInShares(t *testing.T) {
	r := startLeaving(t, mqttToMQTT)
	const n = 9
	var clients [n]*peer
	for i := range clients {
		clients[i], _ = r.open(mqttparse.V5)
	}
	staying := map[*loop]int{}
	count := func() (n int) {
		clear(staying)
		r.inLoops(func(l *loop, s *session) {
			if s.step < stepLeave {
				staying[l]++
				n++
			}
		})
		return n
	}
	left := count()
	for parts := 3; parts > 0; parts-- {
		for _, k := range staying {
			left -= (k + parts - 1) / parts
		}
		r.srv.engine.leaveShare(parts)
		if got := count(); got != left {
			t.Fatalf("of %d sessions %d stay while %d parts are to leave, want %d", n, got, parts-1, left)
		}
	}
	if left != 0 {
		t.Errorf("%d sessions stay", left)
	}
	for _, c := range clients {
		if got := fmt.Sprint(c.hear()); got != "[e0 02 8b 00 FIN]" {
			t.Errorf("a client heard %s", got)
		}
		_ = c.Close()
	}
	r.srv.engine.leaveShare(1) // no session is left
}
