package walk

import (
	"slices"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
)

// recheck is how long a session waits in a queue until it looks whether the node is still as good as it
// was, and whether its turn comes earlier. 10,000 waiting sessions look 20,000 times a second,
// which takes some hundredths of a core.
const recheck = 500 * time.Millisecond

// mostReturnWait is how long a session without state waits for a node to which it was told to come. If it went
// to another one, it would be told again.
const mostReturnWait = 2 * time.Second

// queueing is the part of a walk that has to do with nodes that take a limited number of new sessions a
// second. Only one node is waited for at a time.
type queueing struct {
	stays  bool             // the session waits for its own node
	turn   balancer.Turn    // in the queue of a node
	state  balancer.State   // of this node when the wait began
	since  int64            // when it began, in the caller's time
	waited time.Duration    // in earlier queues
	last   *balancer.Node   // that was tried
	failed []*balancer.Node // were tried in this round, and have a rate

	crowded bool           // a node of this round had no room
	busy    *balancer.Node // for which the session would wait too long; nil: none
}

// Stay has the session wait for its first candidate, because its state is there.
func (w *Walk) Stay() { w.queueing.stays = true }

// Queued reports whether the session waits in the queue of a node.
func (w *Walk) Queued() bool { return w.queueing.turn.Node() != nil }

// Leave ends the wait in a queue, if there is one. The caller releases the node.
func (w *Walk) Leave() { w.queueing.turn.Leave() }

// Busy returns the node for which the session would wait too long, if Reason is NodeBusy.
func (w *Walk) Busy() *balancer.Node { return w.queueing.busy }

// noRoom handles an acquired candidate that has no room for the session now. It reports whether Next returns.
func (w *Walk) noRoom(node *balancer.Node, now int64) (_ *balancer.Node, pause time.Duration, done bool) {
	q := &w.queueing
	if q.stays {
		if pause, ok := w.enqueue(node, now); ok {
			return node, pause, true
		}
		q.busy, w.reason, w.ended = node, outcome.NodeBusy, true // no other node has its state
	}
	if w.start.ExpectedBy(node) {
		if wait, _ := node.Expected(); wait <= mostReturnWait {
			if pause, ok := w.enqueue(node, now); ok {
				return node, pause, true
			}
		}
	}
	q.crowded, w.reached = true, true
	node.Release()
	return nil, 0, w.ended
}

// queueAnywhere has a session without state on a node wait for the node that has room first. The node is
// nil if there is none.
func (w *Walk) queueAnywhere(now int64) (node *balancer.Node, pause time.Duration) {
	q := &w.queueing
	if q.stays {
		return nil, 0
	}
	if q.busy = nil; !q.crowded {
		return nil, 0
	}
	var first *balancer.Node
	var least time.Duration
	candidates := w.tier
	for n := candidates.Next(); n != nil; n = candidates.Next() {
		if n.ConnectRate == 0 || n.Full() || slices.Contains(q.failed, n) {
			continue // it was asked already
		}
		q.busy = n
		if wait, room := n.Expected(); room && (first == nil || wait < least) {
			first, least = n, wait
		}
	}
	if first == nil || !first.Acquire() {
		return nil, 0
	}
	if pause, ok := w.enqueue(first, now); ok {
		return first, pause
	}
	first.Release()
	return nil, 0
}

// enqueue has the session wait for an acquired node, unless the queue is full or it would wait too long.
// The time of all its waits together is limited. A pause of 0 means that the node has room after all.
func (w *Walk) enqueue(node *balancer.Node, now int64) (pause time.Duration, ok bool) {
	q := &w.queueing
	turn, ok := node.Enqueue(q.waited)
	if !ok {
		return 0, false
	}
	q.turn, q.state, q.since = turn, node.State(), now
	_, pause = w.await(now)
	return pause, true
}

// await goes on with the wait in a queue. The node is nil if it has become worse meanwhile: then the
// candidates are asked again.
func (w *Walk) await(now int64) (node *balancer.Node, pause time.Duration) {
	q := &w.queueing
	node = q.turn.Node()
	if node.State() > q.state {
		q.turn.Leave()
		node.Release()
		w.endWait(now)
		w.newRound()
		return nil, 0
	}
	if wait := q.turn.Wait(); wait > 0 {
		return node, min(wait, recheck)
	}
	w.endWait(now)
	q.last = node
	return node, 0
}

// endWait adds the time of a wait to that of the walk, which is for dialling.
func (w *Walk) endWait(now int64) {
	waited := now - w.queueing.since
	w.queueing.waited += time.Duration(waited)
	if w.until != 0 {
		w.until += waited
	}
}

// passOver records that the node which was tried last is of no use in this round.
func (w *Walk) passOver() {
	if n := w.queueing.last; n != nil && n.ConnectRate > 0 {
		w.queueing.failed = append(w.queueing.failed, n)
	}
}
