//go:build linux

package proxy

import (
	"testing"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
)

// startStuck starts the session of a model, with bytes kept for one side and with time set by the
// test.
func startStuck(t *testing.T, side string) (m *model, reader *modelPeer, h *stream) {
	t.Helper()
	m = &model{t: t, lastKept: [2]int{-1, -1}}
	m.begin(byte(modelBare), 1)
	t.Cleanup(m.close)
	m.s.idle = 0
	reader, writer, h := m.client, m.node, &m.s.client
	if side == "node" {
		reader, writer, h = m.node, m.client, &m.s.server
	}
	for h.kept == nil {
		writer.send(4096)
		m.turn()
	}
	return m, reader, h
}

const (
	modelWriteTicks = reactor.Tick(modelWrite / reactor.TickLength)
	modelLookTicks  = modelWriteTicks/checksPerLimit + 1
)

func TestSideThatTakesNothingHasItsTimeAndAQuarter(t *testing.T) {
	for _, side := range []string{"client", "node"} {
		t.Run(side, func(t *testing.T) {
			m, _, _ := startStuck(t, side)
			m.pass(modelWriteTicks)
			if m.s.step != stepRelay {
				t.Fatal("it has not had its time")
			}
			m.pass(modelLookTicks)
			if m.s.step == stepRelay {
				t.Error("the session goes on")
			}
			m.pass(100)
			if m.alive() {
				t.Fatal("the session has not ended")
			}
			if line := <-m.l.server.journal.records; line.outcome != outcome.WriteTimeout {
				t.Errorf("it has ended as %v", line.outcome)
			}
		})
	}
}

func TestSideThatTakesSomethingHasItsTimeAnew(t *testing.T) {
	for _, side := range []string{"client", "node"} {
		t.Run(side, func(t *testing.T) {
			m, reader, h := startStuck(t, side)
			m.l.keepUnsent(h, make([]byte, 1<<20))
			for range 20 {
				m.pass(modelWriteTicks - 1)
				reader.read(16 << 10)
				m.turn()
			}
			if m.s.step != stepRelay || h.kept == nil {
				t.Errorf("step %d, and kept is %v", m.s.step, h.kept)
			}
		})
	}
}

func TestWithoutATimeASideThatTakesNothingStays(t *testing.T) {
	m, _, _ := startStuck(t, "client")
	m.l.current.Timeouts.Write = 0
	m.pass(reactor.Tick(36_000))
	if m.s.step != stepRelay {
		t.Error("the session has ended")
	}
}

// A late loop sees time pass before it reads its events.
func TestLoopThatIsLateGivesUpNobodyWhoHasRead(t *testing.T) {
	m, reader, _ := startStuck(t, "client")
	reader.read(1 << 20)
	m.pass(10 * modelWriteTicks)
	if m.s.step != stepRelay {
		t.Error("the session has ended")
	}
}

// The first cause of the end is the outcome.
func TestClientThatBreaksBeforeItsStuckNodeIsGivenUpIsTheReason(t *testing.T) {
	m, _, _ := startStuck(t, "node")
	m.l.current.Timeouts.HalfClosed = 10 * modelWrite
	m.node.send(1) // the client does not read it, so its close is a reset
	m.turn()
	m.client.close()
	m.turn()
	m.pass(2 * modelWriteTicks)
	if m.alive() {
		t.Fatal("the session has not ended")
	}
	if line := <-m.l.server.journal.records; line.outcome != outcome.ClientReset {
		t.Errorf("it has ended as %v", line.outcome)
	}
}
