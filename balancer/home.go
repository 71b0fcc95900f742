package balancer

import (
	"math"
	"slices"
	"time"
)

// Home returns the node of a session where only its key and the states of the nodes decide: the first
// node in key order that is up, of the first precedence of which a node is up. It is nil if no node is up, or if the pool hashes no field. Load and
// slow start have no part in the choice, so that it only changes with the state of a node.
func (p *Pool) Home(key uint64) *Node {
	if p.HashKey == NoKey {
		return nil
	}
	for t := &p.top; t != nil; t = t.next {
		if rank := t.first(key); rank >= 0 {
			return t.ranked[rank]
		}
	}
	return nil
}

// SameHomes reports whether both pools hash the same field, and have the same nodes with the same
// weights, in the same tiers: every key has the same order of nodes in both.
func (p *Pool) SameHomes(other *Pool) bool {
	a, b := &p.top, &other.top
	for a != nil && b != nil && a.sameHomes(b) {
		a, b = a.next, b.next
	}
	return a == b && p.HashKey == other.HashKey // both are nil after the last tier
}

func (t *tier) sameHomes(other *tier) bool {
	return slices.EqualFunc(t.ranked, other.ranked, func(a, b *Node) bool {
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
