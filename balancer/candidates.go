package balancer

import "math/rand/v2"

// Candidates are the nodes of a pool in the order in which one session should try them.
// Candidates are a plain value of 32 bytes that belongs to one session. A copy continues
// where the original stands.
type Candidates struct {
	pool      *Pool
	key       uint64 // the session's key, or a random one
	postponed uint64 // bit i: the walk has postponed the node of place i in key order
	walk      progress
}

// progress is the progress of Candidates. A rank of -1 means no node. (The struct is separate
// because Go keeps no struct of more than four fields in registers.)
type progress struct {
	last   int16 // rank that the walk in key order has reached
	chosen int16 // rank of a node returned ahead of the walk
	held   int16 // rank of a node that the walk has passed but not yet returned
	order  order
}

// order says how to find the next candidate.
type order uint8

const (
	hashed        order = iota // the next step of the walk
	least                      // the least loaded node
	inTurn                     // the node whose turn it is
	pair                       // the less loaded of two random nodes
	rest                       // after one of the three above: the less loaded of two steps of a random walk
	clean                      // as hashed, for a client without state on a node, if the pool may send it elsewhere
	postponed                  // after all others: the next step of a walk over the nodes that were postponed
	lastResort                 // no node is up: the next step of a walk over the nodes that only the health checks hold out
	lastPostponed              // after the last resort: the next step of a walk over the nodes that it has postponed
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
	c := Candidates{pool: p, walk: progress{last: -1, chosen: -1, held: -1}}
	switch p.Algorithm {
	case LeastConnections:
		c.walk.order = least
	case RoundRobin:
		c.walk.order = inTurn
	case RandomTwo:
		c.walk.order = pair
	default:
		if client.Keyed {
			c.key = client.Key
			if p.movesClean && !client.Persistent {
				c.walk.order = clean
			}
			return c
		}
		c.walk.order = pair
	}
	c.key = rand.Uint64()
	return c
}

// Next returns the next candidate, or nil when none is left. It never returns a node
// twice.
//
// The candidates are the nodes that are up. Those that are postponed come after all others. When
// no node is up, the candidates are the nodes that only the health checks hold out, in the order
// of the key: a probe may be wrong or late, and otherwise the session would be refused. Nodes that
// the health checks call draining come before those that are down. Next tests the state of a
// node when it reaches the node, and does not go back to a node that comes up later. It
// ignores MaxConnections, which Acquire enforces.
func (c *Candidates) Next() *Node {
	for {
		if n := c.candidate(); n != nil || !c.goOn() {
			return n
		}
	}
}

func (c *Candidates) candidate() *Node {
	rank := -1
	switch c.walk.order {
	case hashed, clean, postponed, lastResort, lastPostponed:
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
	c.walk.chosen = int16(rank) // so that the walk does not return it again
	return c.pool.ranked[rank]
}

// goOn begins the walk over the nodes that come after those of the walk that is over. It returns
// false if there is none.
func (c *Candidates) goOn() bool {
	switch {
	case c.walk.order == postponed, c.walk.order == lastPostponed:
		return false
	case c.postponed != 0 && c.walk.order == lastResort:
		c.walk.order = lastPostponed
	case c.postponed != 0:
		c.walk.order = postponed
	case c.walk.order != lastResort && c.walk.last < 0 && c.walk.chosen < 0: // nothing was up
		c.walk.order = lastResort
	default:
		return false
	}
	c.walk.last = -1
	return true
}

// step advances the walk to the next node in key order.
func (c *Candidates) step() *Node {
	for {
		var rank int
		switch {
		case c.walk.order >= lastResort:
			rank = c.pool.after(c.key, int(c.walk.last), (*Node).mayBeTried)
		case c.walk.last < 0:
			rank = c.pool.first(c.key)
		default:
			rank = c.pool.after(c.key, int(c.walk.last), (*Node).isUp)
		}
		if rank < 0 {
			return nil
		}
		c.walk.last = int16(rank)
		if c.walk.last == c.walk.chosen {
			continue
		}
		if n := c.pool.ranked[rank]; c.walk.order < clean && n.isPreferred() || !c.skips(rank) {
			return n
		}
	}
}

// skips reports whether the walk goes on without the node of a rank, which it has returned before
// or returns later.
func (c *Candidates) skips(rank int) bool {
	n := c.pool.ranked[rank]
	switch c.walk.order {
	case postponed, lastPostponed:
		return c.postponed>>c.pool.place(c.key, rank)&1 == 0
	case lastResort:
		return n.Health() == Down && c.postpone(rank)
	case clean:
		return (n.IsOutlier() || c.pool.sendsElsewhere(c.key, n)) && c.postpone(rank)
	case hashed, least, inTurn, pair, rest:
	}
	return n.IsOutlier() && c.postpone(rank)
}

// postpone notes that the node of a rank comes later. Only the first 64 nodes in key order can be
// postponed, one for each bit; for a node after them it returns false.
func (c *Candidates) postpone(rank int) bool {
	place := c.pool.place(c.key, rank)
	c.postponed |= 1 << place
	return place < 64
}
