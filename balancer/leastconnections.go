package balancer

// leastLoaded returns the rank of the preferred node that has the fewest sessions
// relative to its weight, or -1 when there is none. The search starts at a random node,
// so that idle nodes do not all fill up from the first one.
func (p *Pool) leastLoaded(random uint64) int {
	best := -1
	start := scale(random, uint64(len(p.ranked)))
	for i := range p.ranked {
		rank := int(start) + i
		if rank >= len(p.ranked) {
			rank -= len(p.ranked)
		}
		switch n := p.ranked[rank]; {
		case !n.isPreferred():
		case best < 0,
			n.slowStart == 0 && n.lighterByWeight(p.ranked[best]),
			n.slowStart != 0 && n.lighterInRamp(p.ranked[best]):
			best = rank
		}
	}
	return best
}
