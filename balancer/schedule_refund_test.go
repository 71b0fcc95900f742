package balancer

import "testing"

// A node that is dead costs each session an attempt, and not the time of the rate.
func TestSessionsThatAreRefusedUseUpNoRate(t *testing.T) {
	n := pacedNode(t, 1, plenty, 0)
	for range 100 {
		if !n.schedule.take(n, someTime) {
			t.Fatal("it takes no session")
		}
		n.schedule.refund(n, someTime)
	}
	for i, want := range []bool{true, false} {
		if got := n.schedule.take(n, someTime); got != want {
			t.Errorf("session %d is taken: %t", i, got)
		}
	}
}
