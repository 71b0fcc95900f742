package balancer

import (
	"math/bits"
	"slices"
)

// newShares lays the nodes on a line, each as long as its weight: node i begins at
// shares[i], and the last entry is the end of the line.
func newShares(ranked []*Node) []uint64 {
	shares := make([]uint64, len(ranked)+1)
	for i, n := range ranked {
		shares[i+1] = shares[i] + uint64(n.Weight)
	}
	return shares
}

// lighterOfPair draws two different nodes by weight and returns the rank of the less
// loaded one, or -1 unless both are preferred.
func (t *tier) lighterOfPair(random uint64) int {
	if len(t.ranked) < 2 {
		return -1
	}
	end := t.shares[len(t.ranked)]
	a := t.rankAt(scale(random, end))
	begin, length := t.shares[a], uint64(t.ranked[a].Weight)
	point := scale(random<<32, end-length) // on the line without node a
	if point >= begin {
		point += length
	}
	b := t.rankAt(point)
	if !t.ranked[a].isPreferred() || !t.ranked[b].isPreferred() {
		return -1
	}
	if t.ranked[b].lighter(t.ranked[a]) {
		return b
	}
	return a
}

// rankAt returns the rank of the node at a point of the line.
func (t *tier) rankAt(point uint64) int {
	i, begins := slices.BinarySearch(t.shares, point)
	if begins {
		return i
	}
	return i - 1
}

// scale maps a random number to [0, end).
func scale(random, end uint64) uint64 {
	scaled, _ := bits.Mul64(random, end)
	return scaled
}

// lighterOfTwoSteps returns the less loaded of two nodes and keeps the other for the next
// call. The two nodes are steps of a walk by a random key. The walk visits the nodes in a
// weighted random order, each once.
func (c *Candidates) lighterOfTwoSteps() *Node {
	var a *Node
	if c.walk.held >= 0 {
		a = c.tier.ranked[c.walk.held]
		if a.State() != Up {
			a = nil
		}
	}
	if a == nil {
		if a = c.step(); a == nil {
			c.walk.held = -1
			return nil
		}
		c.walk.held = c.walk.last
	}
	b := c.step()
	if b == nil {
		c.walk.held = -1
		return a
	}
	if b.lighter(a) {
		return b
	}
	c.walk.held = c.walk.last
	return a
}
