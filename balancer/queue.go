package balancer

import (
	"fmt"
	"math"
	"time"
)

// Queue bounds the sessions that wait until a node takes them within its ConnectRate.
type Queue struct {
	Size int           // sessions that may wait for one node; 0: none
	Time time.Duration // the longest that a session may wait
}

// Admit reports whether the ConnectRate of the node has room for a session now, and takes it. There is
// always room without a ConnectRate. A part of a tenth of a second of the rate, at least one session, may
// be admitted at once after a pause. During a slow start the rate grows with Ramp.
//
// Several goroutines may call Admit and the methods below at once.
func (n *Node) Admit() bool { return n.ConnectRate == 0 || n.schedule.take(n, now()) }

// NotReached takes back what Admit or a turn has taken, for a session whose connection was refused. That costs the
// node nothing, and the sessions that come before its health checks have noticed need not wait to learn the same.
func (n *Node) NotReached() {
	if n.ConnectRate > 0 {
		n.schedule.refund(n, now())
	}
}

// Expected returns how long a session would wait that queues now; false: the queue has no room for it.
func (n *Node) Expected() (time.Duration, bool) {
	if n.ConnectRate == 0 {
		return 0, true
	}
	return n.schedule.wait(n, now())
}

// Enqueue has a session wait for its turn, if the queue has room for it and its turn comes in time. waited is
// how long the session has waited in queues before. Only a node with a ConnectRate has a queue.
func (n *Node) Enqueue(waited time.Duration) (t Turn, ok bool) {
	since := now()
	at, ok := n.schedule.reserve(n, since, n.queue.Time-waited)
	if !ok {
		return Turn{}, false
	}
	return Turn{n, at, since}, true
}

// Turn is the place of a session in the queue of a node. It belongs to one session, which calls Wait until
// its turn has come, or Leave. The zero Turn is that of a session that does not wait.
type Turn struct {
	node      *Node
	at, since int64 // in ns of now
}

// Node returns the node whose turn it is; nil: the session does not wait.
func (t *Turn) Node() *Node { return t.node }

// Wait returns how long the session has to wait. The wait gets shorter when others leave. With 0 the turn
// has come, and the session does not wait any more.
func (t *Turn) Wait() time.Duration {
	now := now()
	if t.at > now {
		t.at = t.node.schedule.earlier(t.node, t.at, now)
	}
	if t.at > now {
		return time.Duration(t.at - now)
	}
	t.node.schedule.pass(time.Duration(now - t.since))
	*t = Turn{}
	return 0
}

// Leave gives the turn to others. It may be called twice.
func (t *Turn) Leave() {
	if t.node != nil {
		t.node.schedule.leave(t.node, t.at, now())
		*t = Turn{}
	}
}

// Waiting returns the number of sessions that wait in the queue of the node.
func (n *Node) Waiting() int64 { return n.schedule.waiting.Load() }

// Waits returns how many sessions have waited until their turn, and how long altogether.
func (n *Node) Waits() (sessions uint64, altogether time.Duration) {
	n.schedule.mu.Lock()
	defer n.schedule.mu.Unlock()
	return n.schedule.waits, n.schedule.waited
}

// Busy says why the node has no room for another session within its ConnectRate now; empty: it has room.
// It changes nothing.
func (n *Node) Busy() string {
	wait, room := n.Expected()
	if wait == 0 {
		return ""
	}
	busy := fmt.Sprintf("its connect_rate of %d/s", n.ConnectRate)
	if ramp := max(n.Ramp(), leastRamp); ramp < 1 {
		busy += fmt.Sprintf(", of which its slow start allows %.0f %%,", math.Floor(100*ramp))
	}
	busy += " is used up"
	switch {
	case n.queue.Size == 0:
	case !room:
		busy += fmt.Sprintf(", and as many sessions wait as queue.size allows, %d", n.Waiting())
	case wait > n.queue.Time:
		busy += fmt.Sprintf(", and the next session would wait longer than queue.time allows, %v", n.queue.Time)
	default:
		busy += fmt.Sprintf(", and the next session would wait %v, after %d others", wait.Round(time.Millisecond), n.Waiting())
	}
	return busy
}

// WaitCount is a count of waiting sessions. Nodes that count together, see [Registry], have the same.
type WaitCount struct{ schedule *schedule }

// WaitCount returns the count that Enqueue and the turns change.
func (n *Node) WaitCount() WaitCount { return WaitCount{n.schedule} }

// Waiting returns the number of waiting sessions.
func (c WaitCount) Waiting() int64 { return c.schedule.waiting.Load() }
