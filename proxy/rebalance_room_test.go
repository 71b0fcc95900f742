//go:build linux

package proxy

import (
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
)

// A rebalance waits for a first node that has no room for the moment, because of its connect_rate.
func TestSessionsReturnWhenTheirFirstNodeHasRoom(t *testing.T) {
	const sessions = 5
	r, _ := displaced(t, sessions, rebalanceAt(1000), paced(t, 10, longQueue))
	a := r.node(0)
	var others []balancer.Turn
	for range 600 { // they take a minute
		turn, ok := a.Enqueue(0)
		if !ok {
			t.Fatal("the queue is full")
		}
		others = append(others, turn)
	}
	a.SetHealth(balancer.Up)
	eventually(t, "the sessions are found", func() bool { p := r.back(); return p.Active && p.Left == sessions })
	for i := range others {
		others[i].Leave()
	}
	r.waitOutcome(outcome.Moved, sessions)
}

// A session that returns finds a place at its first node, however fast clients are told and come: it waits for
// a moment rather than to stay where it was.
func TestSessionsThatReturnHaveAPlace(t *testing.T) {
	const sessions = 20
	r, clients := displaced(t, sessions, rebalanceAt(1000), paced(t, 20, longQueue))
	r.node(0).SetHealth(balancer.Up)
	for i, id := range r.ofHome(0, sessions) {
		clients[i].rest()
		_ = clients[i].Close()
		clients[i] = r.open(id)
	}
	r.waitOutcome(outcome.Moved, sessions)
	if a, b := r.node(0).Open(), r.node(1).Open(); a != sessions || b != 0 {
		t.Errorf("%d sessions have returned, %d are on the other node", a, b)
	}
}
