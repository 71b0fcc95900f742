package proxy

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"mqttlb/balancer"
)

// drains are the drains and the rebalances of a server. One goroutine, runDrains, tells sessions to leave.
type drains struct {
	mu     sync.Mutex // guards all, rebalances, their state, and follow
	all    map[drainKey]*drain
	follow func(DrainReport) // nil: nobody follows
	wake   chan struct{}     // a drain has begun or changed

	rebalances map[string]*rebalance // by pool
}

// drainKey identifies a drain. A node may be down in one pool while an operator drains it in all.
type drainKey struct {
	nodeName
	cause drainCause
}

func newDrains() *drains {
	return &drains{all: map[drainKey]*drain{}, rebalances: map[string]*rebalance{}, wake: make(chan struct{}, 1)}
}

// DrainProgress is the progress of the sessions that leave a node.
type DrainProgress struct {
	Cause     string        // operator, removed or node_down
	Began     time.Time     // of this activity
	Sessions  int64         // on the node when it began
	Left      int64         // still on the node, some of them about to leave
	Leaving   int64         // told to leave since it began
	PerSecond float64       // the pace; 0: they stay until they end by themselves
	Remaining time.Duration // until the last has left; 0: none is left, or not known
}

// DrainNode has the sessions of a node leave, in all pools that have it or had it: those that are
// there and those that still come. With the zero Pace they stay, and only their number is in Drains.
// It lasts, also through Apply, until CancelDrain or another DrainNode of the same node. The node's
// state is the caller's concern: without another state it takes new sessions, which leave again.
func (srv *Server) DrainNode(name string, pace Pace) error {
	if err := pace.check(); err != nil {
		return err
	}
	srv.applying.Lock()
	defer srv.applying.Unlock()
	select {
	case <-srv.stopping:
		return ErrStopping
	default:
	}
	d := &drain{cause: byOperator, name: nodeName{node: name}, pace: pace, nodes: map[string]*balancer.Node{}}
	d.setNodes(srv.current.Load())
	key := drainKey{d.name, d.cause}
	ds := srv.drains
	ds.mu.Lock()
	defer ds.mu.Unlock()
	for other, old := range ds.all { // a pool that is gone may have sessions there
		if old.name.node == name {
			for pool, n := range old.nodes {
				if d.nodes[pool] == nil {
					d.nodes[pool] = n
				}
			}
		}
		if other == key {
			old.cancelled.Store(true)
		}
	}
	d.begin(time.Now())
	ds.all[key] = d
	ds.wakeUp()
	if pace.None() {
		srv.report(d, slog.LevelInfo, "a node gets no new sessions, and those it has stay", slog.Int64("sessions", d.sessions))
	} else {
		srv.report(d, slog.LevelInfo, "the sessions of a node leave", slog.Int64("sessions", d.sessions), slog.Float64("per_second", d.schedule.perSecond))
	}
	return nil
}

// CancelDrain ends the drain that DrainNode began. The sessions that have not been told to leave stay.
func (srv *Server) CancelDrain(name string) {
	ds := srv.drains
	ds.mu.Lock()
	defer ds.mu.Unlock()
	if d := ds.all[drainKey{nodeName{node: name}, byOperator}]; d != nil {
		ds.cancel(d)
		srv.report(d, slog.LevelInfo, "the sessions of a node stay", slog.Int64("left", d.open()), slog.Int64("told_to_leave", d.leaving.Load()))
	}
}

// Drains returns the progress of the drains, by the name of the node: that of an operator with a pace
// if there is one, else the sum of the others of the node, else that of an operator without a pace.
func (srv *Server) Drains() map[string]DrainProgress {
	ds := srv.drains
	ds.mu.Lock()
	defer ds.mu.Unlock()
	now, progress := time.Now(), map[string]DrainProgress{}
	for _, d := range ds.inOrder() {
		if !d.active {
			continue
		}
		left := d.open()
		own := DrainProgress{
			Cause: d.cause.String(), Began: d.began, Sessions: d.sessions, Left: left, Leaving: d.leaving.Load(),
			PerSecond: d.schedule.perSecond, Remaining: d.schedule.remaining(now, left),
		}
		before, ok := progress[d.name.node]
		switch {
		case !ok || before.PerSecond == 0:
			progress[d.name.node] = own
		case d.cause != byOperator && before.Cause != byOperator.String(): // it is leaving two pools
			before.Sessions += own.Sessions
			before.Left += own.Left
			before.Leaving += own.Leaving
			before.PerSecond += own.PerSecond
			before.Remaining = max(before.Remaining, own.Remaining)
			progress[d.name.node] = before
		}
	}
	return progress
}

// inOrder returns the drains, those of operators first.
func (ds *drains) inOrder() []*drain {
	return slices.SortedFunc(maps.Values(ds.all), func(a, b *drain) int { return int(a.cause) - int(b.cause) })
}

// cancel ends a drain.
func (ds *drains) cancel(d *drain) {
	d.cancelled.Store(true)
	delete(ds.all, drainKey{d.name, d.cause})
}

func (ds *drains) wakeUp() {
	select {
	case ds.wake <- struct{}{}:
	default: // runDrains already has a signal
	}
}

// runDrains tells the sessions of all drains and rebalances to leave, when it is their turn, until the stop.
func (srv *Server) runDrains() {
	select {
	case <-srv.running:
	case <-srv.stopping:
		return
	}
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-next.C:
		case <-srv.drains.wake:
		case <-srv.stopping:
			return
		}
		busy, waits := false, false
		for _, d := range srv.drains.list() {
			more, later := srv.turn(d, time.Now())
			busy, waits = busy || more, waits || later
		}
		for _, r := range srv.drains.rebalancing() {
			more, later := srv.rebalanceTurn(r, time.Now())
			busy, waits = busy || more, waits || later
		}
		switch {
		case busy:
			next.Reset(drainInterval)
		case waits:
			next.Reset(idleDrainInterval)
		}
	}
}

func (ds *drains) list() []*drain {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	return ds.inOrder()
}

// turn has the sessions of a drain leave whose time has come. It reports whether others will, and
// whether there may be some later.
func (srv *Server) turn(d *drain, now time.Time) (busy, waits bool) {
	ds := srv.drains
	ds.mu.Lock()
	due, left, waits := srv.due(d, now)
	ds.mu.Unlock()
	if due > 0 && left > 0 {
		took := d.leave(srv.engine, due)
		ds.mu.Lock()
		d.schedule.took(took)
		ds.mu.Unlock()
	}
	if waits && left == 0 && d.cause == removedNode && !srv.engine.opensUnderEarlier() {
		ds.mu.Lock()
		defer ds.mu.Unlock()
		if d.open() == 0 {
			ds.cancel(d)
			return false, false
		}
	}
	return waits && left > 0, waits
}

// due returns how many sessions may leave now, and how many are on the node. waits is false if none
// will ever be told to. It must be called with drains.mu held.
func (srv *Server) due(d *drain, now time.Time) (due int, left int64, waits bool) {
	if d.pace.None() || d.cancelled.Load() {
		return 0, 0, false
	}
	left = d.open()
	switch wanted := d.wanted() && !srv.drains.overrules(d); {
	case wanted && !d.active:
		d.begin(now)
		if left > 0 {
			level := pick(d.cause == downNode, slog.LevelWarn, slog.LevelInfo)
			srv.report(d, level, "the sessions of a node leave", slog.Int64("sessions", left), slog.Float64("per_second", d.schedule.perSecond))
		}
	case !wanted && d.active:
		d.active = false
		if left > 0 {
			srv.report(d, slog.LevelInfo, "the sessions of a node stay", slog.Int64("left", left), slog.Int64("told_to_leave", d.leaving.Load()))
		}
	}
	if !d.active {
		return 0, left, true
	}
	if told := d.leaving.Load(); left == 0 && told > 0 && !d.reported {
		d.reported = true
		srv.report(d, slog.LevelInfo, "all sessions have left the node", slog.Int64("told_to_leave", told), seconds(now.Sub(d.began)))
	}
	return d.schedule.due(now, left), left, true
}

// overrules reports whether an operator has set the pace for the node of another drain.
func (ds *drains) overrules(d *drain) bool {
	by := ds.all[drainKey{nodeName{node: d.name.node}, byOperator}]
	return d.cause != byOperator && by != nil && !by.pace.None()
}

// seconds is how long something took, for its report.
func seconds(d time.Duration) slog.Attr {
	return slog.Float64("seconds", float64(d.Round(time.Millisecond).Milliseconds())/1000) // Seconds would be 2.6470000000000002
}
