package balancer

import (
	"sync"
	"time"
)

// returnsKept is the time for which a node expects a session that was told to come, at least; at most it is
// twice as long. A client that waits longer before it connects again takes its chance.
const returnsKept = time.Minute

// returns are the keys of sessions that were told to come to a node with a ConnectRate. They are at most twice
// the size of the node's queue.
type returns struct {
	mu      sync.Mutex // guards the fields below
	next    int64      // when the next session may be told, on schedule
	turned  int64      // when recent was begun
	recent  map[uint64]struct{}
	earlier map[uint64]struct{}
}

// Expect reports whether the session of a key may be told to come to the node, and notes its key: when it
// comes, and the node has no room at that moment, ExpectedBy is true. Sessions are told at half of the ConnectRate, so
// that those that are on their way do not wait for each other.
func (n *Node) Expect(key uint64) bool {
	if n.ConnectRate == 0 {
		return true
	}
	r, now := &n.schedule.returns, now()
	r.mu.Lock()
	defer r.mu.Unlock()
	interval := 2 * n.interval(now)
	if r.next-max(connectBurst-interval, 0) > now {
		return false
	}
	r.next = max(r.next, now) + interval
	r.turnLocked(now)
	if r.recent == nil {
		r.recent = map[uint64]struct{}{}
	}
	if len(r.recent) < n.queue.Size {
		r.recent[key] = struct{}{}
	}
	return true
}

// expects reports whether the session of a key was told to come to the node.
func (n *Node) expects(key uint64) bool {
	r := &n.schedule.returns
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turnLocked(now())
	_, recent := r.recent[key]
	_, earlier := r.earlier[key]
	return recent || earlier
}

// turnLocked forgets the keys whose time is over.
func (r *returns) turnLocked(now int64) {
	switch age := time.Duration(now - r.turned); {
	case age >= 2*returnsKept:
		r.recent, r.earlier, r.turned = nil, nil, now
	case age >= returnsKept:
		r.recent, r.earlier, r.turned = nil, r.recent, now
	}
}

// ExpectedBy reports whether the session was told to come to the node, which is one of its candidates, some
// moments ago.
func (c *Candidates) ExpectedBy(n *Node) bool { return n.expects(c.key) }
