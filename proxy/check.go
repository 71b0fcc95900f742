package proxy

import (
	"context"
	"fmt"
	"math"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/source"
)

// Check compares counters with the sessions that they count, and returns the number of sessions and what
// does not agree. A loop looks at slotsPerLook sessions in a turn, and Check asks for as many turns as it
// needs. Sessions that begin, change or end meanwhile cause no fault.
//
// It covers, exactly and for each loop: taken slots, timers, the open connections of listeners, the open
// sessions of listeners on nodes, and the openings of each generation. It also covers the counters that
// loops share: the open and the waiting sessions of nodes, those of source addresses, and the places of the process and of ports. These are
// compared while loops go on, so they may differ by as many sessions as had events in the moment of the
// comparison; several comparisons are made until there was none.
//
// Only one Check goes on at a time. It returns early, with what it has found, when ctx is done.
func (srv *Server) Check(ctx context.Context) (sessions int, faults []string) {
	srv.checking.Lock()
	defer srv.checking.Unlock()
	cursors, err := srv.cursors(ctx, 0)
	if err != nil {
		return 0, nil
	}
	for _, c := range cursors {
		l := c.loop
		ask(l, func() bool { l.recount = &recount{loop: l, counts: map[share]int64{}}; return true })
	}
	defer func() {
		for _, c := range cursors {
			ask(c.loop, func() bool { c.loop.recount = nil; return true })
		}
	}()
	for _, c := range cursors {
		found, n, err := c.loop.check(ctx)
		faults, sessions = append(faults, found...), sessions+n
		if err != nil {
			return sessions, faults
		}
	}
	return sessions, append(faults, srv.checkShared(ctx, cursors)...)
}

// check counts the sessions of a loop and compares its own counters.
func (l *loop) check(ctx context.Context) (faults []string, sessions int, err error) {
	for complete := false; !complete; {
		if ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		l.looking.Lock()
		looked := ask(l, func() bool {
			if complete = l.recount.look(slotsPerLook); complete {
				sessions = int(l.recount.compare())
				faults = l.recount.faults
			}
			return true
		})
		l.looking.Unlock()
		if !looked {
			return nil, 0, ErrStopping // the loop has ended
		}
	}
	return faults, sessions, nil
}

// checkShared compares the counters that loops share.
func (srv *Server) checkShared(ctx context.Context, cursors []*cursor) (faults []string) {
	pause := time.NewTicker(checkPause)
	defer pause.Stop()
	for range sharedTries {
		before, _ := srv.countShared(cursors)
		counters := srv.sharedCounters(before)
		after, whole := srv.countShared(cursors)
		if !whole {
			return nil // a loop has ended meanwhile, and its sessions with it
		}
		meanwhile := after.touched
		for _, c := range counters {
			if off := c.says - c.counted; off > meanwhile || -off > meanwhile {
				faults = append(faults, fmt.Sprintf("%s: it counts %d, and has %d; %d sessions had events meanwhile", c.name, c.says, c.counted, meanwhile))
			}
		}
		if len(faults) > 0 || meanwhile == 0 {
			break
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return faults
		}
	}
	return faults
}

// sharedCount is what the sessions of all loops add to the counters that loops share.
type sharedCount struct {
	nodes    map[balancer.OpenCount]nodeSessions
	waiting  map[balancer.WaitCount]nodeSessions
	admitted map[*port]int64
	sources  map[*source.Use]int64
	refused  int64
	touched  int64 // sessions that had events since the last count
}

// nodeSessions are the sessions in one count of nodes.
type nodeSessions struct {
	name     string
	sessions int64
}

func (c *sharedCount) add(n *balancer.Node, sessions int64) {
	c.nodes[n.OpenCount()] = nodeSessions{fmt.Sprintf("node %q (%s)", n.Name, n.Address), c.nodes[n.OpenCount()].sessions + sessions}
}

func (c *sharedCount) addWaiting(n *balancer.Node, sessions int64) {
	c.waiting[n.WaitCount()] = nodeSessions{fmt.Sprintf("queue of node %q", n.Name), c.waiting[n.WaitCount()].sessions + sessions}
}

// countShared counts the sessions of one loop after the other. The count is not whole if a loop has ended.
func (srv *Server) countShared(cursors []*cursor) (total sharedCount, whole bool) {
	total, whole = sharedCount{nodes: map[balancer.OpenCount]nodeSessions{}, waiting: map[balancer.WaitCount]nodeSessions{}, admitted: map[*port]int64{}, sources: map[*source.Use]int64{}}, true
	for _, c := range cursors {
		whole = ask(c.loop, func() bool { c.loop.recount.addShared(&total); return true }) && whole
	}
	return total, whole
}

// addShared brings the count up to this moment and adds it to a total.
func (c *recount) addShared(total *sharedCount) {
	total.touched += int64(len(c.again) + c.loop.sessions.Cap() - int(c.next))
	c.look(math.MaxInt)
	for s, n := range c.counts {
		if s.node != nil {
			total.add(s.node, n)
			if s.queued {
				total.addWaiting(s.node, n)
			}
		}
		for _, u := range s.sources {
			if u != nil {
				total.sources[u] += n
			}
		}
		switch s.place {
		case placeAdmitted:
			total.admitted[s.listener.port] += n
		case placeRefused:
			total.refused += n
		case placeNone:
		}
	}
}

// sharedCounter is a counter that loops share, and what the sessions add up to.
type sharedCounter struct {
	name          string
	says, counted int64
}

// sharedCounters reads the counters that loops share. Nodes that also serve HTTP requests are left out.
func (srv *Server) sharedCounters(count sharedCount) (counters []sharedCounter) {
	g := srv.current.Load()
	var admitted int64
	for _, p := range g.ports {
		count.admitted[p] += 0
	}
	for p, n := range count.admitted {
		admitted += n
		counters = append(counters, sharedCounter{"port " + p.bound.String(), p.admitted.Load(), n})
	}
	counters = append(counters,
		sharedCounter{"connections admitted", srv.admitted.Load(), admitted},
		sharedCounter{"connections that linger after a refusal", srv.refused.Load(), count.refused})

	for _, p := range g.sessionPools {
		for _, n := range p.Nodes() {
			count.add(n, 0)
			count.addWaiting(n, 0)
		}
	}
	for _, ln := range g.Listeners {
		for i := range ln.Routes {
			if r := &ln.Routes[i]; ln.ServesHTTP() && !r.WebSocket {
				for _, n := range r.Pool.Nodes() {
					delete(count.nodes, n.OpenCount())
				}
			}
		}
	}
	for _, p := range g.sessionPools {
		for _, u := range p.Source.Book().Uses() {
			count.sources[u] += 0
		}
	}
	for u, n := range count.sources {
		counters = append(counters, sharedCounter{fmt.Sprintf("source %v to %v", u.Source(), u.To()), u.Sessions(), n})
	}
	for c, of := range count.waiting {
		counters = append(counters, sharedCounter{of.name, c.Waiting(), of.sessions})
	}
	for c, of := range count.nodes {
		counters = append(counters, sharedCounter{of.name, c.Open(), of.sessions})
	}
	return counters
}
