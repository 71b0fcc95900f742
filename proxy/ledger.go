package proxy

import (
	"slices"

	"mqttlb/balancer"
	"mqttlb/proxy/snapshot"
)

// ledger holds the counters of one loop by name, so that they outlive snapshots. Only the loop touches
// them: there are no atomics on the byte path. Stats asks each loop for its sums.
type ledger struct {
	listeners    map[listenerKey]*listener
	flows        map[flowKey]*flow
	acceptErrors uint64
	stuck        [2]uint64 // sessions ended because a client took nothing, and because a node took nothing
}

// listener is shared by the sessions of one listener on one loop.
type listener struct {
	ListenerStats
	handshakes histogram
	port       *port
	opaque     bool // see [snapshot.Listener.Opaque]
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

// listener returns the counters of a listener.
func (c *ledger) listener(ln *snapshot.Listener, p *port) *listener {
	key := listenerKey{ln.Name, p, ln.Opaque()}
	l := c.listeners[key]
	if l == nil {
		l = &listener{ListenerStats: ListenerStats{Name: ln.Name, Protocol: ln.Protocol}, port: p, opaque: key.opaque}
		c.listeners[key] = l
	}
	return l
}

// flow returns the counters of a listener on a node of a pool.
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

// retain makes counters for all listeners and flows of a generation, and drops the others once no
// session uses them.
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
			c.listener(g.Listeners[i], g.ports[i]).add(l) // counters do not go back
		}
	}
	for key, f := range c.flows {
		if f.Open == 0 && !flows[f] {
			delete(c.flows, key)
		}
	}
}

// add adds the counters of the same listener on another port.
func (l *listener) add(from *listener) {
	l.ListenerStats.add(&from.ListenerStats)
	l.handshakes.add(&from.handshakes)
}

// Opaque reports whether the clients' bytes are not parsed.
func (l *listener) Opaque() bool { return l.opaque }
