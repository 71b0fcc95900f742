package proxy

import (
	"sync/atomic"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// nodeName identifies a node, or with an empty pool the nodes of one name in all pools.
type nodeName struct{ pool, node string }

// drainCause says why the sessions of a node leave.
type drainCause uint8

const (
	byOperator  drainCause = iota // an operator takes the node out, in all pools
	removedNode                   // the node is no longer in its pool
	downNode                      // the health checks have taken the node down, and its pool wants its sessions gone
)

// String is the word for the cause in progress and logs.
func (c drainCause) String() string { return [...]string{"operator", "removed", "node_down"}[c] }

// drain has the sessions of a node leave at a pace. Those without state on the node leave first.
type drain struct {
	cause     drainCause
	name      nodeName
	cancelled atomic.Bool
	leaving   atomic.Int64                  // sessions told to leave since began
	down      atomic.Pointer[balancer.Node] // the node in force; nil unless cause is downNode

	// Guarded by drains.mu.
	pace     Pace
	pool     *snapshot.Pool            // in force, or the last that had the node; nil if cause is byOperator
	nodes    map[string]*balancer.Node // by pool: the node, or the last one of its name
	active   bool                      // sessions leave, or would if there were any
	began    time.Time                 // of the present activity
	sessions int64                     // when it began
	schedule schedule
	reported bool // the log has the line that all have left

	tour tour // only runDrains uses it
}

// open returns how many sessions are on the node, or on their way to it.
func (d *drain) open() (n int64) {
	for _, node := range d.nodes {
		n += node.Open()
	}
	return n
}

// wanted reports whether sessions may leave now. It must be called with drains.mu held.
func (d *drain) wanted() bool {
	return !d.pace.None() && d.mayGoOn() && (d.cause != downNode || hasOtherUp(d.pool, d.name.node))
}

// mayGoOn reports whether the drain has neither been cancelled nor has its node come back up. Loops
// call it, so that no client leaves that has come to a node which takes clients again.
func (d *drain) mayGoOn() bool {
	if d.cancelled.Load() {
		return false
	}
	n := d.down.Load()
	return n == nil || !n.Healthy()
}

// hasOtherUp reports whether the pool has another node that is up. Without one, clients that are told
// to leave would only come back to the same node.
func hasOtherUp(p *snapshot.Pool, name string) bool {
	for _, n := range p.Nodes() {
		if n.Name != name && n.State() == balancer.Up {
			return true
		}
	}
	return false
}

// begin notes the beginning of an activity.
func (d *drain) begin(now time.Time) {
	d.active, d.began, d.sessions, d.reported = true, now, d.open(), false
	d.leaving.Store(0)
	d.schedule = newSchedule(d.pace, d.sessions, now)
	d.tour = tour{}
}

// outcome is the outcome of the sessions that leave.
func (d *drain) outcome() outcome.Outcome {
	return pick(d.cause == downNode, outcome.NodeDown, outcome.Drained)
}

// tour is the way of a drain through the slots of all loops. The first pass takes only the sessions
// that have no state on the node. The later ones take all.
type tour struct {
	from   []uint32 // the next slot of each loop
	passed []bool   // the first pass through a loop's slots is over
	turn   int      // the loop of the last look
}

// next returns the loop to look at, and whether the first pass is over in all of them.
func (t *tour) next(loops int) (loop int, all bool) {
	if t.from == nil {
		t.from, t.passed = make([]uint32, loops), make([]bool, loops)
	}
	for range loops {
		t.turn = (t.turn + 1) % loops
		if !t.passed[t.turn] {
			return t.turn, false
		}
	}
	t.turn = (t.turn + 1) % loops
	return t.turn, true
}

// leave has up to due sessions leave and returns their number.
func (d *drain) leave(e *engine, due int) (leaving int) {
	for range looksPerTick * len(e.loops) {
		if leaving == due {
			break
		}
		i, all := d.tour.next(len(e.loops))
		l := e.loops[i]
		// Every loop has its share, so that none has a long turn.
		most := min(max((due-leaving)/len(e.loops), 1), leavesPerLook)
		got := ask(l, func() look { return l.leaveNode(d, d.tour.from[i], most, all) })
		leaving += got.leaving
		d.tour.from[i] = got.next
		if got.next == 0 {
			d.tour.passed[i] = true
		}
	}
	d.leaving.Add(int64(leaving))
	return leaving
}

// ask has a running loop call f and returns the result; the zero value if the loop has stopped.
func ask[T any](l *loop, f func() T) (answer T) {
	answered := make(chan T, 1)
	if l.Do(func() { answered <- f() }) {
		answer = <-answered
	}
	return answer
}

// look is the result of one look at the slots of a loop.
type look struct {
	leaving int
	next    uint32 // the slot of the next look; 0: the last slot has been seen
}

// leaveNode looks at slotsPerLook slots, beginning at from, and has up to most sessions of a drain's
// node leave. Sessions with state on the node stay unless all is set.
func (l *loop) leaveNode(d *drain, from uint32, most int, all bool) (seen look) {
	slots := uint32(l.sessions.Cap())
	if !d.mayGoOn() {
		return look{0, from}
	}
	for at := from; at < min(from+slotsPerLook, slots); at++ {
		s := l.sessions.At(at)
		if s.listener == nil || s.flow == nil || s.step >= stepLeave || s.flow.Node != d.name.node ||
			d.name.pool != "" && s.flow.Pool != d.name.pool || s.persistent && !all {
			continue
		}
		l.resume(s, l.leave(s, d.outcome()))
		if seen.leaving++; seen.leaving == most {
			seen.next = (at + 1) % slots
			return seen
		}
	}
	if next := from + slotsPerLook; next < slots {
		seen.next = next
	}
	return seen
}
