package balancer

import (
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// Outliers are nodes that fail far more often than their peers. What sessions see of a node never
// marks it down, which is for the probes: it only puts the node last among the candidates.

// The limits of the judgement.
const (
	// halfLife is the time in which what was seen counts half. What counts is so of the last half
	// minute or so: a node that was good for a day is judged by its last connections.
	halfLife = 10 * time.Second

	// A node with fewer attempts is not judged, and is no peer: one bad attempt of two says nothing.
	minAttempts = 10

	// An outlier has at least so many failures, which are at least minShare of its attempts and
	// timesPeers as many in proportion as its peers have. Three failures among thousands of good
	// sessions are none of that; and if most nodes fail, the fault is elsewhere.
	minFailures = 5
	minShare    = 0.2
	timesPeers  = 4

	// The time that a node is an outlier: the first, and the most. Each time it is twice as long as
	// the time before. A node that has not been one for calm has its next time halved again.
	firstTime = 10 * time.Second
	mostTime  = 5 * time.Minute
	calm      = 5 * time.Minute
)

// attempts counts what sessions have seen of one address of a node.
type attempts struct {
	good, bad atomic.Uint64
	_         [48]byte // fills a cache line, because every session writes to the counters
}

// record is what Judge knows of one address of a node. Only Judge uses it.
type record struct {
	good, bad         float64 // attempts that count still
	goodSeen, badSeen uint64  // of the counters
	at                int64   // of the last judgement, in the time of now; 0: there was none
	times             int     // that it was an outlier, less those that calm has made up for
	calmSince         int64   // in the time of now
}

// Observed counts an attempt of a session to get the node's service: whether the node has given it.
// An attempt that failed through the client's fault is none. It takes no lock.
func (n *Node) Observed(ok bool) {
	if ok {
		n.condition.seen.good.Add(1)
		return
	}
	n.condition.seen.bad.Add(1)
}

// IsOutlier reports whether the node fails far more often than its peers and so comes last among the
// candidates now.
func (n *Node) IsOutlier() bool { return n.condition.isOutlier() }

func (c *condition) isOutlier() bool { return c.verdict.Load()&outlier != 0 }

// OutlierFor returns how long the node will still be an outlier; 0: it is none.
func (n *Node) OutlierFor() time.Duration {
	if !n.IsOutlier() {
		return 0
	}
	return time.Duration(max(n.condition.outlierUntil.Load()-now(), 1)) // Judge may be a little late
}

// Verdict is a change that Judge has made.
type Verdict struct {
	Node    *Node
	Outlier bool // it has become one; otherwise it is none any more

	// Of a node that has become an outlier.
	For           time.Duration
	Failed, Peers float64 // the failed part of its attempts, and of those of the better half of its peers at most
}

// Judge decides which nodes are outliers, by what Observed has counted, and which nodes are over the
// pool's MaxLoad, and returns what has changed. It is meant to be called once a second. No other
// call of Judge for a pool of the same name may run at the same time.
func (p *Pool) Judge() []Verdict { return p.judge(now()) }

func (p *Pool) judge(now int64) (changes []Verdict) {
	for _, n := range p.nodes {
		if p.maxLoad == 0 {
			n.count.overloaded.Store(false)
		} else if n.isUp() {
			n.decideOverload(n.tier.load(n), p.maxLoad)
		}
		n.condition.update(now)
		if n.IsOutlier() && (now >= n.condition.outlierUntil.Load() || !p.outliers || !n.isUp()) {
			// A node that is down begins anew when it comes up.
			n.condition.acquit(now)
			changes = append(changes, Verdict{Node: n})
		}
		if !p.outliers || !n.isUp() {
			n.condition.record.good, n.condition.record.bad = 0, 0
		}
	}
	if !p.outliers {
		return changes
	}
	for t := &p.top; t != nil; t = t.next {
		changes = append(changes, t.judge(now)...)
	}
	return changes
}

// judge decides which nodes of the tier are outliers: those of other tiers are no peers, and may be far away.
func (t *tier) judge(now int64) (changes []Verdict) {
	up, out := 0, 0
	for _, n := range t.ranked {
		if n.isUp() {
			up++
			if n.IsOutlier() {
				out++
			}
		}
	}
	for ; out > up/2; out-- {
		n := t.nearestToItsEnd()
		n.condition.acquit(now)
		changes = append(changes, Verdict{Node: n})
	}
	for ; out < up/2; out++ {
		v, ok := t.worst()
		if !ok {
			break
		}
		v.For = v.Node.condition.convict(now)
		changes = append(changes, v)
	}
	return changes
}

// nearestToItsEnd returns the outlier that is up and has the least time left.
func (t *tier) nearestToItsEnd() (nearest *Node) {
	for _, n := range t.ranked {
		if n.isUp() && n.IsOutlier() && (nearest == nil || n.condition.outlierUntil.Load() < nearest.condition.outlierUntil.Load()) {
			nearest = n
		}
	}
	return nearest
}

// worst returns the node that fails most of those that fail far more than their peers.
func (t *tier) worst() (v Verdict, ok bool) {
	var shares []float64 // of the nodes that can be judged
	for _, n := range t.ranked {
		r := n.condition.record
		if !n.isPreferred() || r.good+r.bad < minAttempts {
			continue
		}
		shares = append(shares, r.share())
		if v.Node == nil || r.share() > v.Failed {
			v.Node, v.Failed = n, r.share()
		}
	}
	if len(shares) < 2 {
		return v, false
	}
	slices.Sort(shares)
	peers := shares[:len(shares)-1] // the worst is not its own peer
	v.Outlier, v.Peers = true, peers[(len(peers)-1)/2]
	return v, v.Node.condition.record.bad >= minFailures && v.Failed >= max(minShare, timesPeers*v.Peers)
}

// share returns the part of the attempts that failed.
func (r *record) share() float64 { return r.bad / (r.good + r.bad) }

// update adds what sessions have seen since the last judgement. Attempts on an outlier do not count.
func (c *condition) update(now int64) {
	r := c.record
	good, bad := c.seen.good.Load(), c.seen.bad.Load()
	if !c.isOutlier() && r.at != 0 {
		kept := math.Exp2(-float64(now-r.at) / float64(halfLife))
		r.good = r.good*kept + float64(good-r.goodSeen)
		r.bad = r.bad*kept + float64(bad-r.badSeen)
		if r.times > 0 && now-r.calmSince >= int64(calm) {
			r.times--
			r.calmSince = now
		}
	}
	r.goodSeen, r.badSeen, r.at = good, bad, now
}

// convict makes the node an outlier, and returns for how long.
func (c *condition) convict(now int64) time.Duration {
	r := c.record
	time := min(firstTime<<r.times, mostTime)
	if time < mostTime {
		r.times++
	}
	r.good, r.bad = 0, 0
	c.outlierUntil.Store(now + int64(time))
	c.judge(outlier, outlier)
	return time
}

// acquit makes the node no outlier any more. It begins without a record.
func (c *condition) acquit(now int64) {
	c.record.calmSince = now
	c.judge(outlier, 0)
}
