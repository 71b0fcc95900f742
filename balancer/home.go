package balancer

import (
	"math"
	"slices"
	"time"
)

// Home returns the node of a session where only its key and the states of the nodes decide: the first
// node in key order that is up. It is nil if no node is up, or if the pool hashes no field. Load and
// slow start have no part in the choice, so that it only changes with the state of a node.
func (p *Pool) Home(key uint64) *Node {
	if p.HashKey == NoKey {
		return nil
	}
	if rank := p.first(key); rank >= 0 {
		return p.ranked[rank]
	}
	return nil
}

// SameHomes reports whether both pools hash the same field, and have the same nodes with the same
// weights: every key has the same order of nodes in both.
func (p *Pool) SameHomes(other *Pool) bool {
	return p.HashKey == other.HashKey && slices.EqualFunc(p.ranked, other.ranked, func(a, b *Node) bool {
		return a.Name == b.Name && a.Weight == b.Weight
	})
}

// SteadyFor returns how long the node has taken all of its load: the time since it came up and its slow
// start was over, negative during the slow start. It is valid only while the node is up, and endless if the
// node was never down.
func (n *Node) SteadyFor() time.Duration {
	if came := n.cameUp(); came != 0 {
		return time.Duration(now()-came) - n.slowStart
	}
	return math.MaxInt64
}

// TakesBack reports whether the node may get sessions of other nodes back, and whether it has room for one now,
// which its ConnectRate decides. Where it does not take them back, they stay where they are.
func (n *Node) TakesBack() (back, now bool) {
	wait, room := n.Expected()
	back = room && !n.Full() && !n.Overloaded() && !n.IsOutlier()
	return back, back && wait == 0
}
