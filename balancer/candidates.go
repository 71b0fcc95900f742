package balancer

import "math/rand/v2"

// Candidates are the nodes of a pool in the order in which one session should
// try them. It is a plain value of 32 bytes that belongs to one session; copying
// it copies how far it has come.
type Candidates struct {
	pool *Pool
	key  uint64 // of the session, or random
	walk walk
}

// walk is how far Candidates have come. Ranks are -1 for no node. (The struct is
// apart because Go keeps no struct of more than four fields in registers.)
type walk struct {
	last   int32 // rank that the walk in the order of key has reached
	chosen int32 // rank of a node that was taken ahead of the walk
	held   int32 // rank of a node that the walk has passed and not yet returned
	order  order
}

// order is how the next candidate is found.
type order uint8

const (
	hashed     order = iota // the next step of the walk
	least                   // the least loaded node
	inTurn                  // the node whose turn it is
	pair                    // the less loaded of two random nodes
	rest                    // what one of the three above left: the less loaded of two steps of a random walk
	lastResort              // no node is up: the next step of a walk over those that are down
)

// Candidates returns the candidates for a session. The key is [Hash] or [HashAddr]
// of the field that p.HashKey names; keyed is false when the session has no such
// field, or an empty one, and then the session goes to the less loaded of two random
// nodes. Pools whose HashKey is NoKey look at neither.
func (p *Pool) Candidates(key uint64, keyed bool) Candidates {
	w := walk{last: -1, chosen: -1, held: -1}
	switch p.Algorithm {
	case LeastConnections:
		w.order = least
	case RoundRobin:
		w.order = inTurn
	case RandomTwo:
		w.order = pair
	default:
		if keyed {
			return Candidates{p, key, w}
		}
		w.order = pair
	}
	return Candidates{p, rand.Uint64(), w}
}

// Next returns the next candidate, nil when none is left, and never the same node
// twice. The candidates are the nodes that are up. When none is, they are the nodes
// that the health checks alone hold down, in the order of the key: a probe may be
// wrong, or late, and the session would be refused otherwise. Next looks at the state
// of a node when it comes to it: a node that comes up later is not gone back to. It
// does not look at MaxConnections, which Acquire decides.
func (c *Candidates) Next() *Node {
	n := c.next()
	if n == nil && c.walk.last < 0 && c.walk.chosen < 0 {
		c.walk.order = lastResort
		n = c.step()
	}
	return n
}

func (c *Candidates) next() *Node {
	rank := -1
	switch c.walk.order {
	case hashed, lastResort:
		return c.step()
	case least:
		rank = c.pool.leastLoaded(c.key)
	case inTurn:
		rank = c.pool.inTurn()
	case pair:
		rank = c.pool.lighterOfPair(c.key)
	case rest:
	}
	c.walk.order = rest
	if rank < 0 {
		return c.lighterOfTwoSteps()
	}
	c.walk.chosen = int32(rank) // the walk will not return it again
	return c.pool.ranked[rank]
}

// step walks to the next node in the order of the key.
func (c *Candidates) step() *Node {
	for {
		var rank int
		switch {
		case c.walk.order == lastResort:
			rank = c.pool.after(c.key, int(c.walk.last), (*Node).mayBeTried)
		case c.walk.last < 0:
			rank = c.pool.first(c.key)
		default:
			rank = c.pool.after(c.key, int(c.walk.last), (*Node).isUp)
		}
		if rank < 0 {
			return nil
		}
		c.walk.last = int32(rank)
		if c.walk.last != c.walk.chosen {
			return c.pool.ranked[rank]
		}
	}
}
