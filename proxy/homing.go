package proxy

import (
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/snapshot"
)

// homing says which sessions of a pool may return to their home. It is immutable.
//
// No session can go in circles. A session may return only if it came before its home was ready for it;
// when it comes again the home is ready, so that it may not return once more until the home has been
// down, or the pool has changed. A session that came later is elsewhere for another reason, such as a
// limit, or a refusal of its home: it may return once in waits.again. So those that come all at once when
// the process begins, and find no room at home, stay where they are.
type homing struct {
	pool    *snapshot.Pool
	nodes   map[string]*balancer.Node // of the pool, by name
	opaque  map[*port]bool            // of the listeners whose clients come to the pool: whether they are opaque
	changed time.Time                 // when nodes, weights or the field that is hashed changed last
	waits   *waits
}

// newHoming returns the homing of a generation's pool. before is the one in force; nil: none.
func newHoming(g *generation, p *snapshot.Pool, before *homing, w *waits, now time.Time) *homing {
	h := &homing{pool: p, nodes: map[string]*balancer.Node{}, opaque: map[*port]bool{}, changed: now, waits: w}
	if before != nil && before.pool.SameHomes(p.Pool) {
		h.changed = before.changed
	}
	for _, n := range p.Nodes() {
		h.nodes[n.Name] = n
	}
	for port, ln := range g.listeners {
		for _, other := range ln.SessionPools() {
			if other == p {
				h.opaque[port] = ln.Opaque()
			}
		}
	}
	return h
}

func (h *homing) pace() Pace { return Pace{PerSecond: float64(h.pool.RebalanceRate)} }

// readyFor returns how long a node that is up has been ready for sessions that return: since a while
// after it came up, its slow start was over and the pool changed. Before that it is negative.
func (h *homing) readyFor(n *balancer.Node, now time.Time) time.Duration {
	return min(n.SteadyFor(), now.Sub(h.changed)) - h.waits.settle
}

// isReady reports whether sessions may return to a node.
func (h *homing) isReady(n *balancer.Node, now time.Time) bool {
	return n.State() == balancer.Up && h.readyFor(n, now) >= 0
}

// ready returns the names of the nodes that are ready now.
func (h *homing) ready(now time.Time) (names []string) {
	for name, n := range h.nodes {
		if h.isReady(n, now) {
			names = append(names, name)
		}
	}
	return names
}

// notReady returns one of the nodes that is not ready; empty: all are.
func (h *homing) notReady(names []string, now time.Time) string {
	for _, name := range names {
		if n := h.nodes[name]; n == nil || !h.isReady(n, now) {
			return name
		}
	}
	return ""
}

// wantsLook reports whether it is time to look at the sessions, after a look at that time: a node has
// become ready since, or lookInterval is over.
func (h *homing) wantsLook(looked, now time.Time) bool {
	since := now.Sub(looked)
	for _, n := range h.nodes {
		if h.isReady(n, now) && (h.readyFor(n, now) < since || since >= lookInterval) {
			return true
		}
	}
	return false
}

// homeOf returns the home to which a session may return, and whether it has room for it now; nil: the session
// may not return. It runs in the session's loop. A session whose own node is not up stays: what becomes of
// it is for the drain of that node.
func (h *homing) homeOf(l *loop, s *session) (home *balancer.Node, key uint64, hasRoom bool) {
	if s.flow == nil || s.flow.Pool != h.pool.Name || s.step != stepRelay {
		return nil, 0, false
	}
	key, ok := s.key(h.pool.Pool)
	if !ok {
		return nil, 0, false
	}
	home = h.pool.Home(key)
	if home == nil || home.Name == s.flow.Node {
		return nil, 0, false
	}
	if own := h.nodes[s.flow.Node]; own == nil || own.State() != balancer.Up {
		return nil, 0, false
	}
	if opaque, leads := h.opaque[s.listener.port]; !leads || opaque != s.listener.Opaque() {
		return nil, 0, false // its client would come to another pool, or to none
	}
	at := time.Now()
	age := at.Sub(l.server.epoch.Add(time.Duration(s.begun))) // not by the clock of the turn, which may be a long one
	if h.readyFor(home, at) < 0 || age <= h.tookFor(home, at) && age < h.waits.again {
		return nil, 0, false
	}
	back, now := home.TakesBack()
	if !back {
		return nil, 0, false
	}
	return home, key, now
}

// tookFor returns for how long the clients of a home have come to it, unless it had no room for them: since a
// while after it came up, and since every loop uses the pool.
func (h *homing) tookFor(home *balancer.Node, now time.Time) time.Duration {
	return min(home.SteadyFor()-h.waits.settle, now.Sub(h.changed))
}
