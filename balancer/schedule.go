package balancer

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// connectBurst is the time whose sessions a node takes at once after a pause; at least one. A broker
	// has the work of authentication and of its session table for each, so a burst of a whole second
	// would be a small storm of its own. With a tenth, two clients that come together need not wait.
	connectBurst = int64(100 * time.Millisecond)

	// leastRamp is the least part of its ConnectRate that a node takes during its slow start. The ramp
	// begins at 0, at which the second session would wait for ever.
	leastRamp = 0.1
)

// schedule says when new sessions may go to a node that takes a limited number a second. It is the
// generic cell rate algorithm (ITU-T I.371): its state is the time of the next session, and a session that
// comes too early may reserve a time in the future. These times are given out in the order in which the
// sessions ask, so those that wait are a queue, although nobody keeps a list of them.
//
// When a session leaves before its time, the time is given back, and a session with a later time may
// take it. Otherwise the node would get nobody in a storm of clients that wait for less than the queue
// is long: the times of those that have gone would pass empty, and those of their next attempts come last.
//
// All times are in ns of now.
type schedule struct {
	waiting atomic.Int64 // sessions with a time to come; written only with mu held
	returns returns

	mu     sync.Mutex    // guards the fields below
	next   int64         // when the next session is on schedule
	free   []int64       // times that were given back, in order
	waits  uint64        // sessions that have waited until their time
	waited time.Duration // and how long altogether
}

// newSchedule returns the schedule of a node that no session has come to.
func newSchedule() *schedule {
	const longAgo = math.MinInt64 / 2
	return &schedule{next: longAgo, returns: returns{next: longAgo, turned: longAgo}}
}

// interval returns the time between two sessions of the node, at a time.
func (n *Node) interval(at int64) int64 {
	perSecond := float64(n.ConnectRate) * max(n.rampAt(at), leastRamp)
	return max(int64(float64(time.Second)/perSecond), 1)
}

// due returns the time at which the next session may go, and the time after it.
func (s *schedule) due(n *Node, now int64) (at, next int64) {
	base := max(s.next, now)
	interval := n.interval(base)
	return s.next - max(connectBurst-interval, 0), base + interval
}

// settleLocked forgets times that nobody will use any more: those that are over and, if no session waits,
// those in the future. After a node was down, its first client must not wait for those that have
// gone elsewhere.
func (s *schedule) settleLocked(n *Node, now int64) {
	if s.waiting.Load() > 0 {
		over, _ := slices.BinarySearch(s.free, now)
		s.free = s.free[over:]
		return
	}
	s.free = s.free[:0]
	interval := n.interval(now)
	s.next = min(s.next, now+max(connectBurst, interval))
}

// take reports whether a session may go now.
func (s *schedule) take(n *Node, now int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settleLocked(n, now)
	at, next := s.due(n, now)
	if at > now {
		return false
	}
	s.next = next
	return true
}

// refund takes back the last session, or one before it, that has not come to the node after all.
func (s *schedule) refund(n *Node, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next -= n.interval(now)
}

// reserve returns the time at which a session may go, unless this is further away than most, or more
// sessions wait than the node's queue has room for.
func (s *schedule) reserve(n *Node, now int64, most time.Duration) (at int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settleLocked(n, now)
	at, next := s.due(n, now)
	latest := now + int64(most)
	switch last := len(s.free) - 1; {
	case s.waiting.Load() >= int64(n.queue.Size):
		return 0, false
	case at <= latest:
		s.next = next
	case last >= 0 && s.free[last] <= latest:
		at, s.free = s.free[last], s.free[:last]
	default:
		return 0, false
	}
	s.waiting.Add(1)
	return max(at, now), true
}

// wait returns how long a session would wait that reserves a time now; false: the queue has no room for it.
func (s *schedule) wait(n *Node, now int64) (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settleLocked(n, now)
	at, _ := s.due(n, now)
	return time.Duration(max(at-now, 0)), s.waiting.Load() < int64(n.queue.Size)
}

// earlier exchanges the time of a waiting session for the first one that was given back, if this is earlier.
func (s *schedule) earlier(n *Node, at, now int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settleLocked(n, now)
	if len(s.free) == 0 || s.free[0] >= at {
		return at
	}
	first := s.free[0]
	s.free = s.free[1:]
	s.giveBackLocked(n, at)
	return first
}

// leave gives back the time of a session that waits no longer.
func (s *schedule) leave(n *Node, at, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting.Add(-1)
	if at > now {
		s.giveBackLocked(n, at)
	}
}

func (s *schedule) giveBackLocked(n *Node, at int64) {
	i, _ := slices.BinarySearch(s.free, at)
	s.free = slices.Insert(s.free, i, at)
	if most := max(n.queue.Size, 1); len(s.free) > most { // sessions that come and go at once take no memory
		s.free = s.free[:most]
	}
}

// pass counts a session whose time has come.
func (s *schedule) pass(waited time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting.Add(-1)
	s.waits++
	s.waited += waited
}
