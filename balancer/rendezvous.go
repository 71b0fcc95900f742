package balancer

import (
	"cmp"
	"math/bits"
	"slices"
)

// Weighted rendezvous: every node draws a number for a key, from its name alone,
// and the nodes stand in the order of what they drew. A node that goes takes its
// own draw away and changes nobody else's; so does one that comes, and one whose
// weight changes.
//
// A node that draws u, uniform in (0,1], costs -log2(u)/weight: exponential, so
// the cheapest of several nodes is each in proportion to its weight. All of it is
// integer arithmetic: floating point may differ in its last bit between
// architectures (arm64 fuses multiply and add), and replicas have to agree.

// rendezvous holds a pool's nodes as the search wants them: by weight, since among
// nodes of one weight the hash alone decides and the logarithm is not needed.
type rendezvous struct {
	ranked  []*Node // by weight, then by name: alike on every replica
	classes []class
}

// class is the nodes of one weight.
type class struct {
	reciprocal uint64   // of the weight; 0 when all nodes are of this class
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

// draw is what the node of a rank drew for a key. The cost falls with the hash,
// so the hash decides between costs that fixed point cannot tell apart. Equal
// hashes take a collision of two names' hashes; then the rank decides.
type draw struct {
	cost uint64 // 0 where all weights are equal: the hash alone gives the same order
	hash uint64
	rank int
}

func (c *class) draw(hash uint64, rank int) draw {
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

// first returns the rank of the first node in the order of key that is up; -1 when
// there is none. It is after(key, -1, isUp), made quick for the usual case that the
// nodes a key prefers are up.
func (r *rendezvous) first(key uint64) int {
	if len(r.classes) == 1 {
		if _, rank := r.classes[0].top(key); r.ranked[rank].State() == Up {
			return rank
		}
		return r.after(key, -1, (*Node).isUp)
	}
	best := draw{cost: ^uint64(0)}
	for i := range r.classes {
		c := &r.classes[i]
		hash, rank := c.top(key)
		if r.ranked[rank].State() != Up {
			return r.after(key, -1, (*Node).isUp)
		}
		if d := c.draw(hash, rank); d.before(best) {
			best = d
		}
	}
	return best.rank
}

// after returns the rank of the first node behind rank last, in the order of
// key, that fits; -1 when there is none. A last of -1 stands before all nodes.
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
				continue // another node of its weight stands before it
			}
			d := c.draw(hash, c.rank+j)
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

// top returns the highest hash of the class for a key, and whose it is.
func (c *class) top(key uint64) (hash uint64, rank int) {
	hash = mix(key ^ c.nameHashes[0])
	for i, nameHash := range c.nameHashes[1:] {
		if h := mix(key ^ nameHash); h > hash {
			hash, rank = h, i+1
		}
	}
	return hash, c.rank + rank
}

// drawOf returns what the node of a rank drew.
func (r *rendezvous) drawOf(key uint64, rank int) draw {
	i := len(r.classes) - 1
	for r.classes[i].rank > rank {
		i--
	}
	c := &r.classes[i]
	return c.draw(mix(key^c.nameHashes[rank-c.rank]), rank)
}

// mix is the finalizer of SplitMix64: a bijection in which every bit of the
// result hangs on every bit of x.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// reciprocal returns 2^64/weight, as near as 64 bits hold it.
func reciprocal(weight int) uint64 { return ^uint64(0) / uint64(weight) }
