package balancer

import (
	"cmp"
	"slices"
	"strconv"
)

// MaxPriority is the greatest priority of a node, as in an SRV record.
const MaxPriority = 65535

// Precedence says which nodes of a pool come first: those of the first precedence of which a node is up
// get all sessions, and share them by the pool's algorithm. The zero Precedence is before all others.
type Precedence struct {
	Backup   bool   // comes after all that are no backups, whatever their priority
	Priority uint16 // the lowest comes first, as in RFC 2782
}

// Compare returns -1 if p comes before other, 0 if both are the same, and 1 if other comes first.
func (p Precedence) Compare(other Precedence) int {
	if p.Backup != other.Backup {
		if other.Backup {
			return -1
		}
		return 1
	}
	return cmp.Compare(p.Priority, other.Priority)
}

// String returns the precedence as operators read it.
func (p Precedence) String() string {
	switch {
	case p.Backup && p.Priority > 0:
		return "a backup of priority " + strconv.Itoa(int(p.Priority))
	case p.Backup:
		return "a backup"
	}
	return "priority " + strconv.Itoa(int(p.Priority))
}

// tier is the nodes of one precedence. Draws, turns and shares of a tier do not depend on other tiers: a
// tier whose nodes come back has all of its clients at the same nodes as before.
type tier struct {
	rendezvous
	precedence Precedence
	pool       *Pool
	next       *tier // the tier to use when no node of this one is up; nil: there is none
	before     int   // nodes in the tiers before

	shares []uint64 // for drawing a node at random by weight
	round  round    // for RoundRobin
}

// setTiers puts the nodes of the pool into tiers. A pool has at least one, which is empty if it has no nodes.
func (p *Pool) setTiers() {
	t, nodes := &p.top, slices.Clone(p.nodes)
	slices.SortStableFunc(nodes, func(a, b *Node) int { return a.Precedence.Compare(b.Precedence) })
	for before := 0; ; t = t.next {
		end := before
		for end < len(nodes) && nodes[end].Precedence == nodes[before].Precedence {
			nodes[end].tier = t
			end++
		}
		t.rendezvous, t.pool, t.before = newRendezvous(nodes[before:end]), p, before
		t.shares = newShares(t.ranked)
		if before < end {
			t.precedence = nodes[before].Precedence
			if p.Algorithm == RoundRobin {
				t.round.start(t.ranked)
			}
		}
		if before = end; end == len(nodes) {
			return
		}
		t.next = new(tier)
	}
}

// hasUp reports whether a node of the tier is up.
func (t *tier) hasUp() bool { return slices.ContainsFunc(t.ranked, (*Node).isUp) }

// inUse returns the first tier of which a node is up; nil: no node is.
func (p *Pool) inUse() *tier {
	for t := &p.top; t != nil; t = t.next {
		if t.hasUp() {
			return t
		}
	}
	return nil
}

// InUse returns the precedence of the nodes that new sessions go to now, and its place among those of the
// pool: 1 is that of the first nodes. The place is 0 if no node is up.
func (p *Pool) InUse() (in Precedence, place int) {
	place = 1
	for t := &p.top; t != nil; t = t.next {
		if t.hasUp() {
			return t.precedence, place
		}
		place++
	}
	return Precedence{}, 0
}
