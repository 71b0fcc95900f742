package proxy

import (
	"log/slog"
	"sync/atomic"
	"time"

	"mqttlb/proxy/outcome"
)

// rebalance has the sessions of a pool return to their home, the first node for their key, at a pace.
// They are elsewhere because their home was down, or not in the pool, or had another weight when they
// came. Sessions without state on their node return first.
//
// A look counts those sessions. It comes when a node has become ready for them, and once in
// lookInterval. If there are any, passes through the sessions follow until one finds none.
type rebalance struct {
	pool   string
	homing atomic.Pointer[homing] // in force; nil: cancelled

	// Guarded by drains.mu.
	active                 bool
	began                  time.Time // of the present activity
	found, moved           int64     // of the present activity, or of the last one
	left                   int64     // of those found
	totalFound, totalMoved uint64
	schedule               schedule

	// Only runDrains uses the fields below.
	phase   rebalancePhase
	pass    tour
	kept    int64     // sessions of this pass that are to return in a later one
	clean   int64     // of those kept, without state on their node
	gone    int64     // sessions of this pass that were told to return
	looked  time.Time // when the last look began
	targets []string  // the nodes that were ready when the activity began
}

// rebalancePhase says what a rebalance does now.
type rebalancePhase uint8

const (
	awaitsLook rebalancePhase = iota
	countsAll                 // a look counts the sessions that are to return
	movesClean                // a pass tells those that have no state on their node
	movesAll                  // a pass tells all
)

// begin notes the beginning of an activity, for so many sessions.
func (r *rebalance) begin(h *homing, found int64, now time.Time) {
	r.active, r.began, r.found, r.left, r.moved = true, now, found, found, 0
	r.totalFound += uint64(found)
	r.schedule = newSchedule(h.pace(), found, now)
}

// took counts sessions that were told to return.
func (r *rebalance) took(n int) {
	r.schedule.took(n)
	r.moved += int64(n)
	r.totalMoved += uint64(n)
	if more := r.moved - r.found; more > 0 { // that have come since the look
		r.found += more
		r.totalFound += uint64(more)
	}
	r.left = max(r.left-int64(n), 0)
}

// tell has up to due sessions return, which is none in a look, and returns their number.
func (r *rebalance) tell(due int) (told int) {
	told = r.pass.leave(max(due, 1), func(c *cursor, s *session) bool {
		h := r.homing.Load()
		if h == nil {
			return false
		}
		home, key, hasRoom := h.homeOf(c.loop, s)
		if home == nil {
			return false
		}
		if !hasRoom || r.phase == countsAll || r.phase == movesClean && s.persistent || !home.Expect(key) {
			r.kept++
			if !s.persistent {
				r.clean++
			}
			return false
		}
		return true
	})
	r.gone += int64(told)
	return told
}

// beginPass begins a pass through the sessions that are there now.
func (r *rebalance) beginPass(e *engine, p rebalancePhase) {
	r.phase, r.kept, r.clean, r.gone = p, 0, 0, 0
	r.pass = tour{cursors: e.cursors(0), outcome: outcome.Moved}
}

// rebalanceTurn has the sessions of a rebalance return whose time has come. It reports whether others
// will, and whether there may be some later.
func (srv *Server) rebalanceTurn(r *rebalance, now time.Time) (busy, waits bool) {
	h := r.homing.Load()
	if h == nil {
		return false, false
	}
	if r.phase == awaitsLook {
		if !h.wantsLook(r.looked, now) {
			return false, true
		}
		r.looked = now
		r.beginPass(srv.engine, countsAll)
	}
	due, ds := 0, srv.drains
	if r.phase != countsAll {
		if name := h.notReady(r.targets, now); name != "" {
			srv.endRebalance(r, now, "sessions do not return to their first node any more", slog.String("not_ready", name))
			r.looked = time.Time{} // those of other nodes may go on
			return false, true
		}
		ds.mu.Lock()
		due = r.schedule.due(now, r.left)
		ds.mu.Unlock()
		if due == 0 {
			return true, true
		}
	}
	told := r.tell(due)
	ds.mu.Lock()
	r.took(told)
	ds.mu.Unlock()
	if r.pass.over() {
		srv.nextPass(r, h, now)
	}
	return r.phase != awaitsLook, true
}

// nextPass goes on after a look or a pass.
func (srv *Server) nextPass(r *rebalance, h *homing, now time.Time) {
	switch {
	case r.phase == countsAll && r.kept == 0:
		r.phase = awaitsLook
	case r.phase == countsAll:
		r.targets = h.ready(now)
		srv.beginRebalance(r, h, now)
		r.beginPass(srv.engine, movesClean)
	case r.kept == 0 && r.gone == 0:
		srv.endRebalance(r, now, "the sessions have returned to their first node")
	default:
		srv.drains.mu.Lock()
		r.left = r.kept
		srv.drains.mu.Unlock()
		phase := movesAll
		if r.phase == movesClean && r.clean > 0 { // their home had no room
			phase = movesClean
		}
		r.beginPass(srv.engine, phase)
	}
}

// beginRebalance begins to tell the sessions that a look has counted, unless it was cancelled meanwhile.
func (srv *Server) beginRebalance(r *rebalance, h *homing, now time.Time) {
	srv.drains.mu.Lock()
	defer srv.drains.mu.Unlock()
	if r.homing.Load() == nil {
		return
	}
	r.begin(h, r.kept, now)
	srv.tell(slog.LevelInfo, DrainReport{Pool: r.pool, Text: "sessions return to their first node", Attrs: []slog.Attr{
		slog.Int64("sessions", r.found), slog.Float64("per_second", r.schedule.perSecond),
	}})
}

// endRebalance ends an activity, unless it was cancelled meanwhile.
func (srv *Server) endRebalance(r *rebalance, now time.Time, text string, why ...slog.Attr) {
	r.phase = awaitsLook
	srv.drains.mu.Lock()
	defer srv.drains.mu.Unlock()
	srv.endActivity(r, now, text, why...)
}

// endActivity is endRebalance with drains.mu held.
func (srv *Server) endActivity(r *rebalance, now time.Time, text string, why ...slog.Attr) {
	if !r.active {
		return
	}
	counts := []slog.Attr{slog.Int64("moved", r.moved), slog.Int64("left", r.left), seconds(now.Sub(r.began))}
	srv.tell(slog.LevelInfo, DrainReport{Pool: r.pool, Text: text, Attrs: append(why, counts...)})
	r.active, r.left = false, 0
}
