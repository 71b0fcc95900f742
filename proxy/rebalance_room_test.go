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
