package proxy

import (
	"slices"

	"mqttlb/balancer"
	"mqttlb/proxy/snapshot"
)

// ledger has the numbers of one loop, by name: they outlive snapshots. The loop alone touches them: no atomics on the
// byte path. Stats asks each loop for a copy.
type ledger struct {
	listeners    map[listenerKey]*listener
	flows        map[flowKey]*flow
	acceptErrors uint64
}

// listener is what the sessions of one listener on one loop have in common.
type listener struct {
	ListenerStats
	port   *port
	opaque bool // see [snapshot.Listener.Opaque]
}

// flow is what the sessions of one listener on one node, on one loop, have in common.
type flow struct {
	FlowStats
	node *balancer.Node // of the last generation that had a session here; it shares its state with those before
}

type listenerKey struct {
	name   string
	port   *port
	opaque bool
}

type flowKey struct{ listener, pool, node string }

func newLedger() ledger {
	return ledger{listeners: map[listenerKey]*listener{}, flows: map[flowKey]*flow{}}
}

// listener returns the numbers of a listener.
func (c *ledger) listener(ln *snapshot.Listener, p *port) *listener {
	key := listenerKey{ln.Name, p, ln.Opaque()}
	l := c.listeners[key]
	if l == nil {
		l = &listener{ListenerStats: ListenerStats{Name: ln.Name}, port: p, opaque: key.opaque}
		c.listeners[key] = l
	}
	return l
}

// flow returns the numbers of a listener on a node of a pool.
func (c *ledger) flow(listener, pool string, n *balancer.Node) *flow {
	key := flowKey{listener, pool, n.Name}
	f := c.flows[key]
	if f == nil {
		f = &flow{FlowStats: FlowStats{Listener: listener, Pool: pool, Node: n.Name}}
		c.flows[key] = f
	}
	f.node = n
	return f
}

// retain has numbers of all that a generation has, and drops what it has not and nobody uses.
func (c *ledger) retain(g *generation) {
	listeners, flows := map[*listener]bool{}, map[*flow]bool{}
	for i, ln := range g.Listeners {
		listeners[c.listener(ln, g.ports[i])] = true
		for _, p := range ln.SessionPools() {
			for _, n := range p.Nodes() {
				flows[c.flow(ln.Name, p.Name, n)] = true
			}
		}
	}
	for key, l := range c.listeners {
		if l.Open > 0 || listeners[l] {
			continue
		}
		delete(c.listeners, key)
		if i := slices.IndexFunc(g.Listeners, func(ln *snapshot.Listener) bool { return ln.Name == l.Name }); i >= 0 {
			c.listener(g.Listeners[i], g.ports[i]).add(&l.ListenerStats) // counters do not go back
		}
	}
	for key, f := range c.flows {
		if f.Open == 0 && !flows[f] {
			delete(c.flows, key)
		}
	}
}

// Opaque reports whether nothing in the bytes of the clients is understood.
func (l *listener) Opaque() bool { return l.opaque }
