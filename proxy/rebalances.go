package proxy

import (
	"time"
)

// RebalanceProgress is the progress of the sessions of a pool that return to their first node.
type RebalanceProgress struct {
	Active    bool          // sessions return now
	Began     time.Time     // of this activity, or of the last one; zero: there was none
	Found     int64         // sessions of the activity
	Moved     int64         // of those, told to return
	Left      int64         // of those, still to be told
	PerSecond float64       // the pace in force
	Remaining time.Duration // until the last is told; 0: none is left

	TotalFound, TotalMoved uint64 // of all activities
}

// applyRebalances begins and ends the rebalances of a generation's pools, and brings those up to date that go on. It is
// called when every loop uses the generation.
func (srv *Server) applyRebalances(g *generation) {
	ds, now := srv.drains, time.Now()
	ds.mu.Lock()
	defer ds.mu.Unlock()
	for name, p := range g.sessionPools {
		if p.RebalanceRate == 0 {
			continue
		}
		r := ds.rebalances[name]
		if r == nil {
			r = &rebalance{pool: name}
			ds.rebalances[name] = r
		}
		r.homing.Store(newHoming(g, p, r.homing.Load(), &srv.waits, now))
		r.schedule.perSecond = float64(p.RebalanceRate)
	}
	for name, r := range ds.rebalances {
		if p := g.sessionPools[name]; p == nil || p.RebalanceRate == 0 {
			r.homing.Store(nil)
			delete(ds.rebalances, name)
			srv.endActivity(r, now, "sessions do not return to their first node any more")
		}
	}
	ds.wakeUp()
}

// rebalancing returns the rebalances in force.
func (ds *drains) rebalancing() (all []*rebalance) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	for _, r := range ds.rebalances {
		all = append(all, r)
	}
	return all
}

// Rebalances returns the progress of the pools whose sessions return, by name.
func (srv *Server) Rebalances() map[string]RebalanceProgress {
	ds := srv.drains
	ds.mu.Lock()
	defer ds.mu.Unlock()
	now, progress := time.Now(), map[string]RebalanceProgress{}
	for name, r := range ds.rebalances {
		progress[name] = RebalanceProgress{
			Active: r.active, Began: r.began, Found: r.found, Moved: r.moved, Left: r.left,
			PerSecond: r.schedule.perSecond, Remaining: r.schedule.remaining(now, r.left),
			TotalFound: r.totalFound, TotalMoved: r.totalMoved,
		}
	}
	return progress
}
