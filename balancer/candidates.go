package balancer

import "math/rand/v2"

// Candidates are the nodes of a pool in the order in which one session should
// try them. It is a plain value of 32 bytes that belongs to one session; copying
// it copies how far it has come.
type Candidates struct {
	pool  *Pool
	key   uint64 // of the session, or random
	order order
	last  int32 // rank that the walk in the order of key has reached; -1 before its first step
	first int32 // rank of a node that was chosen ahead of the walk; -1 when there is none
	held  int32 // rank of a node that the walk has passed and not yet returned; -1 when there is none
}

// order is how the next candidate is found.
type order uint8

const (
	hashed    order = iota // the walk itself
	twoRandom              // the less loaded of two steps of a random walk
	least                  // the least loaded node, then twoRandom
	inTurn                 // the node whose turn it is, then twoRandom
)

// Candidates returns the candidates for a session. The key is [Hash] or [HashAddr]
// of the field that p.HashKey names; keyed is false when the session has no such
// field, or an empty one, and then the session goes to the less loaded of two random
// nodes. Pools whose HashKey is NoKey look at neither.
func (p *Pool) Candidates(key uint64, keyed bool) Candidates {
	c := Candidates{pool: p, key: key, last: -1, first: -1, held: -1}
	switch p.Algorithm {
	case LeastConnections:
		c.order = least
	case RoundRobin:
		c.order = inTurn
	case RandomTwo:
		c.order = twoRandom
	default:
		if keyed {
			return c
		}
		c.order = twoRandom
	}
	c.key = rand.Uint64()
	return c
}

// Next returns the next candidate that is up, nil when none is left, and never the
// same node twice. It looks at the state of a node when it comes to it: a node
// that comes up later is not gone back to. It does not look at MaxConnections,
// which Acquire decides.
func (c *Candidates) Next() *Node {
	switch c.order {
	case least:
		c.order = twoRandom
		return c.choose(c.pool.leastLoaded(c.key))
	case inTurn:
		c.order = twoRandom
		return c.choose(c.pool.inTurn(c.key))
	case twoRandom:
		return c.lighterOfTwo()
	default:
		return c.step()
	}
}

// choose returns the node of that rank, and keeps the walk from returning it again.
func (c *Candidates) choose(rank int) *Node {
	c.first = int32(rank)
	if rank < 0 {
		return nil
	}
	return c.pool.ranked[rank]
}

// step walks to the next node in the order of the key.
func (c *Candidates) step() *Node {
	for {
		rank := c.pool.after(c.key, int(c.last))
		if rank < 0 {
			return nil
		}
		c.last = int32(rank)
		if c.last != c.first {
			return c.pool.ranked[rank]
		}
	}
}
