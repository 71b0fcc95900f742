package balancer

// leastLoaded returns the rank of the preferred node that has the fewest sessions
// relative to its weight, or -1 when there is none. The search starts at a random node,
// so that idle nodes do not all fill up from the first one.
func (t *tier) leastLoaded(random uint64) int {
	best := -1
	start := scale(random, uint64(len(t.ranked)))
	for i := range t.ranked {
		rank := int(start) + i
		if rank >= len(t.ranked) {
			rank -= len(t.ranked)
		}
		switch n := t.ranked[rank]; {
		case !n.isPreferred():
		case best < 0,
			n.slowStart == 0 && n.lighterByWeight(t.ranked[best]),
			n.slowStart != 0 && n.lighterInRamp(t.ranked[best]):
			best = rank
		}
	}
	return best
}
