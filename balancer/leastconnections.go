package balancer

// leastLoaded returns the rank of the node that is up and carries the least for
// its weight, -1 when none is up. It looks from a random node on, so that idle
// nodes are not all filled from the first.
func (p *Pool) leastLoaded(random uint64) int {
	best := -1
	start := scale(random, uint64(len(p.ranked)))
	for i := range p.ranked {
		rank := int(start) + i
		if rank >= len(p.ranked) {
			rank -= len(p.ranked)
		}
		n := p.ranked[rank]
		if n.State() == Up && (best < 0 || n.lighter(p.ranked[best])) {
			best = rank
		}
	}
	return best
}
