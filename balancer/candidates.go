package balancer

import "math/rand/v2"

// Candidates are the nodes of a pool in the order in which one session should try them.
// Candidates are a plain value of 32 bytes that belongs to one session. A copy continues
// where the original stands.
type Candidates struct {
	tier      *tier  // that the walk has come to
	key       uint64 // the session's key, or a random one
	postponed uint64 // bit i: the walk has postponed the node of place i in key order
	walk      progress
}

// progress is the progress of Candidates. A rank of -1 means no node. (The struct is separate
// because Go keeps no struct of more than four fields in registers.)
type progress struct {
	last   int16 // rank that the walk in key order has reached
	chosen int16 // rank of a node returned ahead of the walk; or beyond
	held   int16 // rank of a node that the walk has passed but not yet returned
	order  order
}

// beyond, in place of a chosen rank, says that nodes of the tiers before were up, and tried.
const beyond = -2

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
	c := Candidates{tier: &p.top, walk: progress{last: -1, chosen: -1, held: -1}}
	if client.Keyed && p.HashKey != NoKey {
		c.key = client.Key
		if p.movesClean && !client.Persistent {
			c.walk.order = clean
		}
		return c
	}
	c.walk.order = p.orderWithoutKey()
	c.key = rand.Uint64()
	return c
}

// orderWithoutKey is how to find the first candidate of a tier if no key decides.
func (p *Pool) orderWithoutKey() order {
	switch p.Algorithm {
	case LeastConnections:
		return least
	case RoundRobin:
		return inTurn
	case RandomTwo, ConsistentHash, SourceIP: // the last two for a client without a key
	}
	return pair
}

// Next returns the next candidate, or nil when none is left. It never returns a node
// twice.
//
// The candidates are the nodes of the first tier of which a node is up, those of them that are up. Those that
// are postponed come after all others. When no node of any tier is up, the candidates are the nodes that only
// the health checks hold out, tier by tier and in the order of the key: a probe may be wrong or late, and
// otherwise the session would be refused. Nodes that the health checks call draining come before those that
// are down, of whatever tier: they work. Next tests the state of a
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
		rank = c.tier.leastLoaded(c.key)
	case inTurn:
		rank = c.tier.nextTurn()
	case pair:
		rank = c.tier.lighterOfPair(c.key)
	case rest:
	}
	c.walk.order = rest
	if rank < 0 {
		return c.lighterOfTwoSteps()
	}
	c.walk.chosen = int16(rank) // so that the walk does not return it again
	return c.tier.ranked[rank]
}

// goOn begins the walk over the nodes that come after those of the walk that is over. It returns
// false if there is none.
func (c *Candidates) goOn() bool {
	switch {
	case c.walk.order == postponed:
		return false
	case c.walk.order >= lastResort && c.tier.next != nil:
		c.tier = c.tier.next
	case c.walk.order == lastResort && c.postponed != 0:
		c.tier, c.walk.order = &c.tier.pool.top, lastPostponed
	case c.walk.order >= lastResort:
		return false
	case c.postponed != 0:
		c.walk.order = postponed
	case c.walk.last >= 0 || c.walk.chosen >= 0: // a node of this tier was up
		return false
	case c.tier.next != nil:
		c.tier = c.tier.next
		if c.walk.order == rest {
			c.walk.order = c.tier.pool.orderWithoutKey()
		}
	case c.walk.chosen == beyond:
		return false
	default: // nothing was up
		c.tier, c.walk.order = &c.tier.pool.top, lastResort
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
			rank = c.tier.after(c.key, int(c.walk.last), (*Node).mayBeTried)
		case c.walk.last < 0:
			rank = c.tier.first(c.key)
		default:
			rank = c.tier.after(c.key, int(c.walk.last), (*Node).isUp)
		}
		if rank < 0 {
			return nil
		}
		c.walk.last = int16(rank)
		if c.walk.last == c.walk.chosen {
			continue
		}
		if n := c.tier.ranked[rank]; c.walk.order < clean && n.isPreferred() || !c.skips(rank) {
			return n
		}
	}
}

// skips reports whether the walk goes on without the node of a rank, which it has returned before
// or returns later.
func (c *Candidates) skips(rank int) bool {
	n := c.tier.ranked[rank]
	switch c.walk.order {
	case postponed, lastPostponed:
		return c.postponed>>c.place(rank)&1 == 0
	case lastResort:
		return n.Health() == Down && c.postpone(rank)
	case clean:
		return (n.IsOutlier() || c.tier.pool.sendsElsewhere(c.key, n)) && c.postpone(rank)
	case hashed, least, inTurn, pair, rest:
	}
	return n.IsOutlier() && c.postpone(rank)
}

// postpone notes that the node of a rank comes later. Only the first 64 nodes in key order can be
// postponed, one for each bit; for a node after them it returns false.
func (c *Candidates) postpone(rank int) bool {
	place := c.place(rank)
	c.postponed |= 1 << place
	return place < 64
}

// place returns how many nodes come before the node of a rank in key order: of its tier, or, since a last
// resort goes through the tiers twice, of all tiers.
func (c *Candidates) place(rank int) int {
	place := c.tier.place(c.key, rank)
	if c.walk.order >= lastResort {
		place += c.tier.before
	}
	return place
}

// Below returns the candidates c from the beginning of the tier after the one that reached has come to. They
// are for a session that could not reach any node of the tiers before, although they are up.
// Nodes that are not up are no last resort then. It returns false if there is no such tier.
func (c *Candidates) Below(reached *Candidates) (below Candidates, ok bool) {
	if reached.walk.order >= lastResort || reached.tier.next == nil {
		return Candidates{}, false
	}
	below = *c
	below.tier, below.walk.chosen = reached.tier.next, beyond
	return below, true
}
