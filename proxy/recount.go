package proxy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"mqttlb/balancer"
	"mqttlb/proxy/source"
	"mqttlb/proxy/walk"
)

// recount counts the sessions of a loop anew, for [Server.Check], in bounded turns while sessions go on.
// Whatever happens to a session begins with a call of touch. If the session was counted, touch takes it
// out of the count, as it was counted, and it is counted again later. So the count is that of this very
// moment whenever all slots were passed and no slot is left to be counted again.
type recount struct {
	loop    *loop
	counts  map[share]int64
	next    uint32   // slots below were passed
	again   []uint32 // passed slots that were touched after that, each once
	pending []uint64 // a bit for each passed slot: it is in again
	faults  []string
}

// share is what one session adds to the counters.
type share struct {
	listener *listener
	flow     *flow          // nil: it has not reached its node
	version  uint8          // VersionIndex; valid only if flow is not nil
	node     *balancer.Node // that has the session in its count; nil: none
	queued   bool           // the session waits in the queue of node
	opening  *generation    // whose opening the session is; nil: none
	place    place
	sources  [1 + walk.MostAbreast]*source.Use // of the connections to its node; nil: the kernel has chosen the source
}

func (l *loop) shareOf(s *session) share {
	c := share{listener: s.listener, flow: s.flow, node: s.node(), place: s.place}
	c.sources[0] = l.sources[s.server.fd]
	if s.flow != nil {
		c.version = uint8(VersionIndex(s.version))
	}
	if s.pending != nil {
		c.queued = s.pending.walk.Queued()
		for i, o := range s.pending.others {
			c.sources[1+i] = l.sources[o.fd]
		}
	}
	if s.pending != nil && s.pending.counted {
		c.opening = s.pending.generation
	}
	return c
}

// touch tells the recount, if there is one, that the session in a slot may change. It is called before
// the change; s is zero if the session is yet to begin.
func (l *loop) touch(s *session, slot uint32) {
	if l.recount != nil {
		l.recount.touch(s, slot)
	}
}

func (c *recount) touch(s *session, slot uint32) {
	word, bit := slot/64, uint64(1)<<(slot%64)
	if slot >= c.next || c.pending[word]&bit != 0 {
		return
	}
	c.pending[word] |= bit
	c.again = append(c.again, slot)
	if s.listener != nil {
		c.add(c.loop.shareOf(s), -1)
	}
}

func (c *recount) add(s share, n int64) {
	if c.counts[s] += n; c.counts[s] == 0 {
		delete(c.counts, s)
	}
}

// look counts the sessions in at most the given number of slots and reports whether the count is now that
// of this moment.
func (c *recount) look(most int) (complete bool) {
	for ; most > 0 && int(c.next) < c.loop.sessions.Cap(); most-- {
		if c.next%64 == 0 {
			c.pending = append(c.pending, 0)
		}
		c.count(c.next)
		c.next++
	}
	for ; most > 0 && len(c.again) > 0; most-- {
		slot := c.again[len(c.again)-1]
		c.again = c.again[:len(c.again)-1]
		c.pending[slot/64] &^= 1 << (slot % 64)
		c.count(slot)
	}
	return int(c.next) == c.loop.sessions.Cap() && len(c.again) == 0
}

// count counts the session in a slot, if there is one, and checks its timer.
func (c *recount) count(slot uint32) {
	l := c.loop
	s := l.sessions.At(slot)
	if s.listener == nil {
		if l.Timers.IsSet(slot) {
			c.fault("slot %d is free and has a timer", slot)
		}
		return
	}
	c.add(l.shareOf(s), 1)
	set, now := l.Timers.IsSet(slot), l.Timers.Now()
	switch limit := s.limit(); {
	case s.slot != slot:
		c.fault("session %v in slot %d says that its slot is %d", l.sessionID(s), slot, s.slot)
	case set != (s.timer != 0):
		c.fault("session %v: its timer is set: %t; the session says tick %d", l.sessionID(s), set, s.timer)
	case set && s.timer <= now:
		c.fault("session %v: its timer is for tick %d, which is over at tick %d", l.sessionID(s), s.timer, now)
	case limit != 0 && (!set || s.timer > max(limit, now+1)):
		c.fault("session %v: its time is over at tick %d, and its timer is for tick %d", l.sessionID(s), limit, s.timer)
	}
}

func (c *recount) fault(format string, args ...any) {
	if len(c.faults) < faultsListed {
		c.faults = append(c.faults, fmt.Sprintf("loop %d: ", c.loop.number)+fmt.Sprintf(format, args...))
	}
}

// compare compares the loop's own counters with the count, which must be complete. It returns the number
// of sessions.
func (c *recount) compare() (sessions int64) {
	var bound int64
	listeners, openings := map[*listener]int64{}, map[*generation]int64{}
	flows := map[*flow][len(FlowStats{}.OpenByVersion)]int64{}
	for s, n := range c.counts {
		if n < 0 {
			c.fault("%d sessions of listener %q were counted less than once", -n, s.listener.Name)
		}
		sessions += n
		for _, u := range s.sources {
			if u != nil {
				bound += n
			}
		}
		listeners[s.listener] += n
		if s.flow != nil {
			byVersion := flows[s.flow]
			byVersion[s.version] += n
			flows[s.flow] = byVersion
		}
		if s.opening != nil {
			openings[s.opening] += n
		}
	}
	l := c.loop
	if n := int64(l.sessions.Len()); n != sessions {
		c.fault("%d slots are taken, and %d have a session", n, sessions)
	}
	if n := int64(len(l.sources)); n != bound {
		c.fault("%d sockets have a source address, and the sessions have %d such sockets", n, bound)
	}
	for _, ln := range l.counters.listeners {
		listeners[ln] += 0
	}
	for _, ln := range slices.SortedFunc(maps.Keys(listeners), func(a, b *listener) int { return cmp.Compare(a.Name, b.Name) }) {
		if n := listeners[ln]; n != ln.Open {
			c.fault("listener %q counts %d connections, and has %d", ln.Name, ln.Open, n)
		}
	}
	for _, f := range l.counters.flows {
		if _, some := flows[f]; !some {
			flows[f] = [len(f.OpenByVersion)]int64{}
		}
	}
	for _, f := range slices.SortedFunc(maps.Keys(flows), func(a, b *flow) int {
		return cmp.Or(cmp.Compare(a.Listener, b.Listener), cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Node, b.Node))
	}) {
		var sum int64
		for _, n := range flows[f] {
			sum += n
		}
		switch {
		case sum != f.Open:
			c.fault("listener %q, pool %q, node %q: it counts %d sessions, and has %d", f.Listener, f.Pool, f.Node, f.Open, sum)
		case flows[f] != f.OpenByVersion:
			c.fault("listener %q, pool %q, node %q: it counts by version %v sessions, and has %v", f.Listener, f.Pool, f.Node, f.OpenByVersion, flows[f])
		}
	}
	for g, n := range l.opensUnder {
		openings[g] -= int64(n)
	}
	for g, n := range openings {
		if n != 0 {
			c.fault("an earlier generation or this one (%t) has %d more openings than it counts", g == l.current, n)
		}
	}
	return sessions
}
