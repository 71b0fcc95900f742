package balancer

import "math/rand/v2"

// Candidates are the nodes of a pool in the order in which one session should try them.
// Candidates are a plain value of 32 bytes that belongs to one session. A copy continues
// where the original stands.
type Candidates struct {
	pool *Pool
	key  uint64 // the session's key, or a random one
	walk progress
}

// progress is the progress of Candidates. A rank of -1 means no node. (The struct is separate
// because Go keeps no struct of more than four fields in registers.)
type progress struct {
	last   int32 // rank that the walk in key order has reached
	chosen int32 // rank of a node returned ahead of the walk
	held   int32 // rank of a node that the walk has passed but not yet returned
	order  order
}

// order says how to find the next candidate.
type order uint8

const (
	hashed     order = iota // the next step of the walk
	least                   // the least loaded node
	inTurn                  // the node whose turn it is
	pair                    // the less loaded of two random nodes
	rest                    // after one of the three above: the less loaded of two steps of a random walk
	lastResort              // no node is up: the next step of a walk over the nodes that are down
)

// Client is what decides about the candidates of a session. A pool whose HashKey is NoKey
// ignores it.
type Client struct {
	// Key is Hash or HashAddr of the field that the pool's HashKey names. Valid only if Keyed.
	Key uint64

	// Keyed is false when the session lacks this field or when it is empty; the session then
	// goes to the less loaded of two random nodes.
	Keyed bool

	// Persistent says that the node may keep state for the client, which the client would miss
	// on another node.
	Persistent bool
}

// Candidates returns the candidates for a session of the client.
func (p *Pool) Candidates(client Client) Candidates {
	w := progress{last: -1, chosen: -1, held: -1}
	switch p.Algorithm {
	case LeastConnections:
		w.order = least
	case RoundRobin:
		w.order = inTurn
	case RandomTwo:
		w.order = pair
	default:
		if client.Keyed {
			return Candidates{p, client.Key, w}
		}
		w.order = pair
	}
	return Candidates{p, rand.Uint64(), w}
}

// Next returns the next candidate, or nil when none is left. It never returns a node
// twice.
//
// The candidates are the nodes that are up. When no node is up, the candidates are the
// nodes that only the health checks hold down, in the order of the key: a probe may be
// wrong or late, and otherwise the session would be refused. Next tests the state of a
// node when it reaches the node, and does not go back to a node that comes up later. It
// ignores MaxConnections, which Acquire enforces.
func (c *Candidates) Next() *Node {
	n := c.candidate()
	if n == nil && c.walk.last < 0 && c.walk.chosen < 0 {
		c.walk.order = lastResort
		n = c.step()
	}
	return n
}

func (c *Candidates) candidate() *Node {
	rank := -1
	switch c.walk.order {
	case hashed, lastResort:
		return c.step()
	case least:
		rank = c.pool.leastLoaded(c.key)
	case inTurn:
		rank = c.pool.nextTurn()
	case pair:
		rank = c.pool.lighterOfPair(c.key)
	case rest:
	}
	c.walk.order = rest
	if rank < 0 {
		return c.lighterOfTwoSteps()
	}
	c.walk.chosen = int32(rank) // so that the walk does not return it again
	return c.pool.ranked[rank]
}

// step advances the walk to the next node in key order.
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
