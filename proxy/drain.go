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

	// Only runDrains uses the fields below.
	pass   tour // the present way through the sessions
	passes int  // begun, with the present one
}

// open returns how many sessions are on the node, or on their way to it.
func (d *drain) open() (n int64) {
	for _, node := range d.nodes {
		n += node.Open()
	}
	return n
}

// wanted reports whether sessions may leave now. Where no other node is up, clients that are told to
// leave would only come back to one that is down. It must be called with drains.mu held.
func (d *drain) wanted() bool {
	return !d.pace.None() && d.mayGoOn() && (d.cause != downNode || d.pool.HasOtherUp(d.name.node))
}

// mayGoOn reports whether the drain has neither been cancelled nor has its node come back up. Loops
// call it, so that no client leaves that has come to a node which takes clients again.
func (d *drain) mayGoOn() bool {
	if d.cancelled.Load() {
		return false
	}
	n := d.down.Load()
	return n == nil || n.Health() == balancer.Down
}

// begin notes the beginning of an activity.
func (d *drain) begin(now time.Time) {
	d.active, d.began, d.sessions, d.reported = true, now, d.open(), false
	d.leaving.Store(0)
	d.schedule = newSchedule(d.pace, d.sessions, now)
	d.pass, d.passes = tour{}, 0
}

// outcome is the outcome of the sessions that leave.
func (d *drain) outcome() outcome.Outcome {
	return pick(d.cause == downNode, outcome.NodeDown, outcome.Drained)
}

// leave has up to due sessions leave and returns their number. The first pass through the sessions takes
// only those that have no state on the node. When a pass is over, the next one also meets the sessions
// that have reached the node meanwhile.
func (d *drain) leave(e *engine, due int) (leaving int) {
	if d.pass.over() {
		d.pass = tour{cursors: e.cursors(0), outcome: d.outcome()}
		d.passes++
	}
	leaving = d.pass.leave(due, func(_ *cursor, s *session) bool { return d.chooses(s) && d.mayGoOn() })
	d.leaving.Add(int64(leaving))
	return leaving
}

// chooses reports whether a session is to leave in this pass. It runs in the session's loop.
func (d *drain) chooses(s *session) bool {
	return s.flow != nil && s.flow.Node == d.name.node && (d.name.pool == "" || s.flow.Pool == d.name.pool) &&
		(!s.persistent || d.passes > 1)
}
