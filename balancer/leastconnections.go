package balancer

// leastLoaded returns the rank of the node that is up and has the fewest sessions
// relative to its weight, or -1 when no node is up. The search starts at a random node,
// so that idle nodes do not all fill up from the first one.
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
