package balancer

import (
	"math/rand/v2"
	"sync/atomic"
)

// round is the turns of RoundRobin in a tier.
type round struct {
	schedule []int32 // the ranks of one round
	turn     atomic.Uint64
}

// start computes the turns by nginx's smooth weighted round robin:
// weights 5, 1, 1 give a a b a c a a and not a a a a a b c. Walking a fixed list takes
// one atomic addition; nginx's running weights would need a lock. The first turn is
// random, so that many balancers with few clients do not all begin with the same node.
func (r *round) start(ranked []*Node) {
	divisor, total := 0, 0
	for _, n := range ranked {
		divisor = gcd(n.Weight, divisor)
		total += n.Weight
	}
	running := make([]int, len(ranked))
	r.schedule = make([]int32, total/divisor)
	for turn := range r.schedule {
		best := 0
		for rank, n := range ranked {
			running[rank] += n.Weight
			if running[rank] > running[best] {
				best = rank
			}
		}
		running[best] -= total
		r.schedule[turn] = int32(best)
	}
	r.turn.Store(rand.Uint64N(uint64(len(r.schedule))))
}

// nextTurn returns the rank of the node whose turn it is. It skips the turn of a node that
// is not preferred, or that the node does not take in its ramp; giving the turn to the next node in the list would double that node's share.
// It returns -1 after as many turns as there are nodes.
func (t *tier) nextTurn() int {
	for range t.ranked {
		turn := t.round.turn.Add(1) - 1
		rank := int(t.round.schedule[turn%uint64(len(t.round.schedule))])
		if n := t.ranked[rank]; n.isPreferred() && (n.slowStart == 0 || n.takesInRamp(turn)) {
			return rank
		}
	}
	return -1
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
