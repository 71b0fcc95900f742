package balancer

import "math/bits"

// Weighted rendezvous: every node draws a number for a key, from its name alone,
// and the nodes stand in the order of what they drew. A node that goes takes its
// own draw away and changes nobody else's; so does one that comes, and one whose
// weight changes.
//
// A node that draws u, uniform in (0,1], costs -log2(u)/weight: exponential, so
// the cheapest of several nodes is each in proportion to its weight. All of it is
// integer arithmetic: floating point may differ in its last bit between
// architectures (arm64 fuses multiply and add), and replicas have to agree.

// draw is what a node drew for a key.
type draw struct {
	cost uint64 // 0 in a pool of equal weights, where the hash alone gives the same order
	hash uint64
}

// before reports whether d stands before e. The cost falls with the hash, so the
// hash decides between draws that fixed point cannot tell apart.
func (d draw) before(e draw) bool {
	return d.cost < e.cost || d.cost == e.cost && d.hash > e.hash
}

func (p *Pool) draw(key uint64, rank int) draw {
	d := draw{hash: mix(key ^ p.nameHashes[rank])}
	if p.reciprocals != nil {
		d.cost, _ = bits.Mul64(negLog2(d.hash), p.reciprocals[rank])
	}
	return d
}

// after returns the rank of the first node behind rank last, in the order of
// key, that is up; -1 when there is none. A last of -1 stands before all nodes.
// Equal draws, which take a collision of two names' hashes, stand by name.
func (p *Pool) after(key uint64, last int) int {
	var floor draw
	if last >= 0 {
		floor = p.draw(key, last)
	}
	best, bestDraw := -1, draw{}
	for i := range p.nameHashes {
		d := p.draw(key, i)
		if best >= 0 && !d.before(bestDraw) {
			continue
		}
		if last >= 0 && (d.before(floor) || d == floor && i <= last) {
			continue
		}
		if p.ranked[i].State() == Up {
			best, bestDraw = i, d
		}
	}
	return best
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
