package balancer

import (
	"cmp"
	"math/bits"
	"slices"
)

// Weighted rendezvous hashing: for each key every node draws a number, which depends only
// on the key and the node's name, and the nodes are ordered by their draws. If a node is
// added or removed, or its weight changes, the draws of all other nodes stay the same.
//
// A node that draws u, uniform in (0,1], costs -log2(u)/weight. This is exponentially
// distributed, so each of several nodes is the cheapest in proportion to its weight. The
// arithmetic is on integers: floating point may differ in the last bit between
// architectures (arm64 fuses multiply and add), and replicas must agree.

// rendezvous groups the nodes of a tier by weight for the search: among nodes of one weight
// the hash alone decides, without the logarithm.
type rendezvous struct {
	ranked  []*Node // by weight, then by name: the same on every replica
	classes []class
}

// class is the nodes of one weight.
type class struct {
	reciprocal uint64   // of the weight; 0 when the tier has only this class
	rank       int      // of its first node in ranked
	nameHashes []uint64 // of its nodes
}

func newRendezvous(nodes []*Node) rendezvous {
	r := rendezvous{ranked: slices.SortedFunc(slices.Values(nodes), func(a, b *Node) int {
		return cmp.Or(cmp.Compare(a.Weight, b.Weight), cmp.Compare(a.Name, b.Name))
	})}
	for rank, n := range r.ranked {
		if rank == 0 || n.Weight != r.ranked[rank-1].Weight {
			r.classes = append(r.classes, class{reciprocal: reciprocal(n.Weight), rank: rank})
		}
		c := &r.classes[len(r.classes)-1]
		c.nameHashes = append(c.nameHashes, Hash([]byte(n.Name)))
	}
	if len(r.classes) == 1 {
		r.classes[0].reciprocal = 0
	}
	return r
}

// draw is the draw of the node of a rank for a key. The cost falls as the hash rises, so
// the hash decides between costs that are equal in fixed point. The rank decides between
// equal hashes, which need a collision of the hashes of two names.
type draw struct {
	cost uint64 // 0 where all weights are equal: the hash alone gives the same order
	hash uint64
	rank int
}

func (c *class) drawFor(hash uint64, rank int) draw {
	if c.reciprocal == 0 {
		return draw{hash: hash, rank: rank}
	}
	cost, _ := bits.Mul64(negLog2(hash), c.reciprocal)
	return draw{cost, hash, rank}
}

func (d draw) before(e draw) bool {
	if d.cost != e.cost {
		return d.cost < e.cost
	}
	if d.hash != e.hash {
		return d.hash > e.hash
	}
	return d.rank < e.rank
}

// first returns the rank of the first node in key order that is up, or -1. It equals
// after(key, -1, isUp), but is fast in the usual case that the first nodes are up and no outliers.
func (r *rendezvous) first(key uint64) int {
	if len(r.classes) == 1 {
		if _, rank := r.classes[0].top(key); r.ranked[rank].isPreferred() {
			return rank
		}
		return r.after(key, -1, (*Node).isUp)
	}
	best := draw{cost: ^uint64(0), rank: -1}
	for i := range r.classes {
		c := &r.classes[i]
		hash, rank := c.top(key)
		if !r.ranked[rank].isPreferred() {
			return r.after(key, -1, (*Node).isUp)
		}
		if d := c.drawFor(hash, rank); d.before(best) {
			best = d
		}
	}
	return best.rank
}

// after returns the rank of the first node behind rank last, in key order, for which fits
// returns true, or -1. A last of -1 is before all nodes.
func (r *rendezvous) after(key uint64, last int, fits func(*Node) bool) int {
	floor := draw{hash: ^uint64(0), rank: -1}
	if last >= 0 {
		floor = r.drawOf(key, last)
	}
	best := draw{cost: ^uint64(0), rank: len(r.ranked)}
	for i := range r.classes {
		c := &r.classes[i]
		var top uint64
		for j, nameHash := range c.nameHashes {
			hash := mix(key ^ nameHash)
			if hash < top {
				continue // another node of its weight comes before it
			}
			d := c.drawFor(hash, c.rank+j)
			if !floor.before(d) || !fits(r.ranked[d.rank]) {
				continue
			}
			top = hash
			if d.before(best) {
				best = d
			}
		}
	}
	if best.rank == len(r.ranked) {
		return -1
	}
	return best.rank
}

// top returns the highest hash of the class for a key, and the rank of its node.
func (c *class) top(key uint64) (hash uint64, rank int) {
	hash = mix(key ^ c.nameHashes[0])
	for i, nameHash := range c.nameHashes[1:] {
		if h := mix(key ^ nameHash); h > hash {
			hash, rank = h, i+1
		}
	}
	return hash, c.rank + rank
}

// drawOf returns the draw of the node at rank for a key.
func (r *rendezvous) drawOf(key uint64, rank int) draw {
	i := len(r.classes) - 1
	for r.classes[i].rank > rank {
		i--
	}
	c := &r.classes[i]
	return c.drawFor(mix(key^c.nameHashes[rank-c.rank]), rank)
}

// place returns how many nodes come before the node at rank, in key order.
func (r *rendezvous) place(key uint64, rank int) (before int) {
	own := r.drawOf(key, rank)
	for i := range r.classes {
		c := &r.classes[i]
		for j, nameHash := range c.nameHashes {
			if c.drawFor(mix(key^nameHash), c.rank+j).before(own) {
				before++
			}
		}
	}
	return before
}

// mix is the finalizer of SplitMix64: a bijection in which every bit of the result
// depends on every bit of x.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// reciprocal returns 2^64/weight, as exactly as 64 bits allow.
func reciprocal(weight int) uint64 { return ^uint64(0) / uint64(weight) }
