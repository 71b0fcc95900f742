package balancer

import "math"

// MinMaxLoad and MaxMaxLoad are the limits of PoolSpec.MaxLoad. Below the least, nodes that have
// their fair share would be over it by chance.
const (
	MinMaxLoad = 1.05
	MaxMaxLoad = 10
)

// sendsElsewhere reports whether a client with this key, whose preferred node is n and who has no
// state there, should go to its next candidate now.
func (p *Pool) sendsElsewhere(key uint64, n *Node) bool {
	return !n.takesInRamp(key) || p.maxLoad != 0 && n.decideOverload(n.tier.load(n), p.maxLoad)
}

// rampSeed makes the order in which a node's clients come back during its ramp independent of the
// order of the nodes.
const rampSeed = 0x72616d70_00000001 // "ramp", 1

// takesInRamp reports whether the key is in the part of its load that the node takes now. During
// its ramp the part only grows.
func (n *Node) takesInRamp(key uint64) bool {
	ramp := n.Ramp()
	return ramp >= 1 || float64(mix(key^rampSeed)>>11) < ramp*(1<<53)
}

// rampedWeight returns the weight of the node, less during its ramp, but never 0.
func (n *Node) rampedWeight() float64 {
	if n.slowStart == 0 {
		return float64(n.Weight)
	}
	return float64(n.Weight) * max(n.Ramp(), 1.0/1024)
}

// lighterInRamp is lighter for nodes of a pool with a slow start.
func (n *Node) lighterInRamp(other *Node) bool {
	return float64(n.Open()+1)*other.rampedWeight() < float64(other.Open()+1)*n.rampedWeight()
}

// load is the load of a node of a pool with a bounded load.
type load struct {
	open int64   // sessions of the node
	fair float64 // sessions that it would have if a new one were added and all were shared by weight
}

// load compares a node with the nodes of its tier that take sessions: those that are up and no
// outliers.
func (t *tier) load(n *Node) load {
	l := load{open: n.Open()}
	total, weights := l.open+1, n.rampedWeight()
	for _, other := range t.ranked {
		if other != n && other.isPreferred() {
			total += other.Open()
			weights += other.rampedWeight()
		}
	}
	l.fair = float64(total) * n.rampedWeight() / weights
	return l
}

// bound returns how many sessions the node may have at a factor of its fair share, at least one.
func (l load) bound(factor float64) int64 {
	return int64(math.Ceil(factor*l.fair - 1e-9)) // less what may be due to rounding
}

// middle returns the middle between the fair share and a max_load.
func middle(maxLoad float64) float64 { return (1 + maxLoad) / 2 }

// decideOverload decides whether the node is over its maxLoad, and remembers it: such a node must
// first fall below the middle between its fair share and maxLoad. Without this hysteresis a node
// at the limit would get every other session that ends and comes back.
func (n *Node) decideOverload(l load, maxLoad float64) bool {
	was, factor := n.count.overloaded.Load(), maxLoad
	if was {
		factor = middle(maxLoad)
	}
	over := l.open >= l.bound(factor)
	if over != was {
		n.count.overloaded.Store(over)
	}
	return over
}

// Overloaded reports whether the node was over the MaxLoad of its pool at the last decision: new
// clients without state on it go to their next candidates.
func (n *Node) Overloaded() bool { return n.count.overloaded.Load() }
