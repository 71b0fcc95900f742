package proxy

import "maps"

// flowsPerLook is how many flows a loop copies in one turn. Its sessions wait meanwhile: some 0.2 ms.
const flowsPerLook = 128

// ledgerCopy is a copy of the counters of one loop, for another goroutine. Large configurations have
// thousands of flows, so the loop copies them in several turns, and does nothing else for Stats: the
// counters are added up outside of it.
type ledgerCopy struct {
	acceptErrors uint64
	stuck        [2]uint64
	listeners    []listener
	flows        []flow
	left         []*flow // to be copied

	times                  loopTimes
	keptBytes, keptStreams int64
}

// begin copies what is not of a flow, and the first flows. It runs in the loop.
func (c *ledgerCopy) begin(l *loop) {
	c.acceptErrors, c.times, c.keptBytes, c.keptStreams = l.counters.acceptErrors, l.times, l.keptBytes, l.keptStreams
	c.stuck = l.counters.stuck
	c.listeners = make([]listener, 0, len(l.counters.listeners))
	for _, ln := range l.counters.listeners {
		c.listeners = append(c.listeners, *ln)
	}
	c.left = make([]*flow, 0, len(l.counters.flows))
	for _, f := range l.counters.flows {
		c.left = append(c.left, f)
	}
	c.flows = make([]flow, 0, min(len(c.left), flowsPerLook))
	c.proceed()
}

// proceed copies the next flows. It runs in the loop.
func (c *ledgerCopy) proceed() {
	n := min(len(c.left), flowsPerLook)
	for _, f := range c.left[:n] {
		c.flows = append(c.flows, *f)
		last := &c.flows[len(c.flows)-1]
		last.Connacks, last.Disconnects = maps.Clone(f.Connacks), maps.Clone(f.Disconnects)
	}
	c.left = c.left[n:]
}

// makeRoom lets proceed append without growing. It runs outside of the loop.
func (c *ledgerCopy) makeRoom() {
	room := make([]flow, len(c.flows), len(c.flows)+len(c.left))
	copy(room, c.flows)
	c.flows = room
}

// addTo adds the counters of the loops to stats.
func (e *engine) addTo(stats *Stats) {
	copies := make([]ledgerCopy, len(e.loops))
	e.eachLoop(func(l *loop) { copies[l.number].begin(l) })
	for more := true; more; {
		more = false
		for i := range copies {
			if len(copies[i].left) > 0 {
				more = true
				copies[i].makeRoom()
			}
		}
		if more {
			e.eachLoop(func(l *loop) { copies[l.number].proceed() })
		}
	}
	for i := range copies {
		stats.add(&copies[i])
	}
}
