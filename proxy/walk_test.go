//go:build linux

package proxy

import (
	"io"
	"math"
	"net"
	"net/netip"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/walk"
)

// again has sessions try their nodes again, with enough time for a living node to answer.
func again(s *snapshot.Snapshot) {
	s.Timeouts.Dial, s.Timeouts.ConnectNode = 500*time.Millisecond, time.Hour
}

// dialErrors returns the failed attempts to reach a node.
func (r *rig) dialErrors(node int) uint64 { return r.srv.Stats().Flows[node].DialErrors }

// These tests mostly wait for limits, or for the kernel to send a SYN again.
func TestNodesAreTriedForConnectNode(t *testing.T) {
	proxytest.WaitAbreast(t)
	proxytest.RunAbreast(t, map[string]func(*testing.T){
		"again after one timed out":                         nodesAreTriedAgainAfterOneTimedOut,
		"and the session is refused when it is over":        sessionIsRefusedWhenConnectNodeIsOver,
		"which cuts the last attempt":                       connectNodeCutsTheLastAttempt,
		"but not after a stop":                              stopEndsASessionThatTriesItsNodesAgain,
		"a connection whose first SYN was lost is in doubt": connectionWhoseFirstSYNWasLostIsInDoubt,
	})
}

// A node that is busy for a while drops new connections or lets them wait. A refusal by another node
// is no reason not to try it again.
func nodesAreTriedAgainAfterOneTimedOut(t *testing.T) {
	silent := func(t *testing.T) string {
		return startNode(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }).address()
	}
	tests := map[string]func(*testing.T){}
	for _, row := range []struct {
		of   string
		mode mode
		busy func(*testing.T) string
	}{
		{"connection", mqttToMQTT, fullListener},
		{"connection", wssToWSS, fullListener},
		{"handshake", mqttToMQTTS, silent},
		{"upgrade", wsToWS, silent},
	} {
		tests[row.of+", "+row.mode.name] = func(t *testing.T) {
			idle := netip.MustParseAddrPort(row.mode.startNode(t, nil).address())
			r := row.mode.start(t, []string{row.busy(t), refusing}, again)
			c := r.dial()
			c.send(connect311)
			eventually(t, "two walks in vain", func() bool { return r.dialErrors(0) >= 2 && r.dialErrors(1) >= 2 })
			r.node(0).SetAddrs([]netip.AddrPort{idle})
			c.expect(connack311)
		}
	}
	proxytest.RunAbreast(t, tests)
}

func TestNodesThatRefuseAreNotTriedAgain(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := m.start(t, []string{refusing, refusing}, again)
		c := r.dial()
		c.send(connect311)
		c.expect([]byte("\x20\x02\x00\x03"))
		c.rest()
		_ = c.Close()
		r.waitOutcome(outcome.DialFailed, 1)
		if a, b := r.dialErrors(0), r.dialErrors(1); a != 1 || b != 1 {
			t.Errorf("%d and %d attempts, want one each", a, b)
		}
	})
}

// A full node is not slow, so trying it again is useless.
func TestFullNodesAreNotWaitedFor(t *testing.T) {
	full := startNode(t, nil)
	r := start(t, []string{full.address()}, again, func(s *snapshot.Snapshot) {
		p, err := balancer.NewPool(balancer.PoolSpec{Name: "full", Nodes: []balancer.NodeSpec{{Name: "n", Address: full.address(), MaxConnections: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		s.Listeners[0].Pool = &snapshot.Pool{Pool: p}
	})
	r.open("one")
	c := r.dial()
	c.send(connect5)
	c.expect([]byte("\x20\x03\x00\x89\x00"))
	c.rest()
	_ = c.Close()
	r.waitOutcome(outcome.NodesFull, 1)
}

func sessionIsRefusedWhenConnectNodeIsOver(t *testing.T) {
	inModesAbreast(t, []mode{mqttToMQTT, wssToWSS}, func(t *testing.T, m mode) {
		r := m.start(t, []string{fullListener(t)}, again, func(s *snapshot.Snapshot) { s.Timeouts.ConnectNode = 2 * time.Second })
		c := r.dial()
		c.send(connect5)
		c.expect([]byte("\x20\x03\x00\x88\x00"))
		c.rest()
		_ = c.Close()
		r.waitOutcome(outcome.DialFailed, 1)
		r.waitLine("; timeouts.connect_node is over")
		if n := r.dialErrors(0); n < 2 {
			t.Errorf("%d attempts, want it tried again", n)
		}
	})
}

// The last attempt is cut short so that the client gets its refusal in time.
func connectNodeCutsTheLastAttempt(t *testing.T) {
	r := start(t, []string{fullListener(t)}, func(s *snapshot.Snapshot) { s.Timeouts.Dial, s.Timeouts.ConnectNode = time.Hour, time.Second })
	c := r.dial()
	c.send(connect5)
	c.expect([]byte("\x20\x03\x00\x88\x00"))
	c.rest()
	_ = c.Close()
	r.waitOutcome(outcome.DialFailed, 1)
}

// A client that breaks in the pause between two walks is ended at once.
func TestClientThatBreaksInThePauseIsLetGo(t *testing.T) {
	proxytest.WaitAbreast(t)
	inModesAbreast(t, allModes, func(t *testing.T, m mode) {
		r := m.start(t, []string{fullListener(t)}, again)
		c := r.dial()
		c.send(connect311)
		eventually(t, "a pause", func() bool {
			pausing := false
			r.each(func(s *session) {
				if s.step == stepDial { // far in the future
					s.pending.walk = endlessPause(s.pending.pool)
					s.deadline, pausing = 0, true
				}
			})
			return pausing
		})
		c.reset()
		r.waitOutcome(outcome.ClientGone, 1)
	})
}

// endlessPause returns a walk in a pause that outlasts the test.
func endlessPause(p *snapshot.Pool) walk.Walk {
	w := walk.New(p.Candidates(balancer.Client{}), math.MaxInt64, math.MaxInt64/2)
	for node, pause := w.Next(0); pause < 1000*time.Hour; node, pause = w.Next(0) {
		if node != nil {
			node.Release()
			w.Failed(errDialTimeout)
		}
	}
	return w
}

func stopEndsASessionThatTriesItsNodesAgain(t *testing.T) {
	r := start(t, []string{fullListener(t)}, again, func(s *snapshot.Snapshot) { s.Timeouts.Shutdown = 0 })
	c := r.dial()
	c.send(connect311)
	eventually(t, "walks in vain", func() bool { return r.dialErrors(0) >= 2 })
	r.stop()
	c.rest()
	r.waitOutcome(outcome.Shutdown, 1)
}

// The health checks may be wrong, or late.
func TestNodesThatAreDownAreTriedWhenNoneIsUp(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := m.start(t, []string{m.startNode(t, nil).address(), refusing})
		r.node(0).SetHealth(balancer.Down)
		r.node(1).SetHealth(balancer.Down)
		r.open("device-1")
		r.node(0).SetOperator(balancer.Draining)
		c := r.dial()
		c.send(connect311)
		c.expect([]byte("\x20\x02\x00\x03"))
		c.rest()
		_ = c.Close()
		r.waitOutcome(outcome.DialFailed, 1)
	})
}
