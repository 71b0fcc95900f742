package proxy

import (
	"time"

	"mqttlb/proxy/rate"
	"mqttlb/proxy/snapshot"
)

// generation is a snapshot with its ports and limits. It is immutable. A session's opening uses the
// generation that the client was accepted under; everything else uses the current one.
type generation struct {
	*snapshot.Snapshot
	ports     []*port // of the listeners, in their order
	listeners map[*port]*snapshot.Listener

	sessionPools map[string]*snapshot.Pool // pools that may carry sessions, by name

	own map[uint16][]ownAddress // addresses of the listeners, by port

	maxConnections int64   // of the process: limits.max_connections, or fewer if the descriptor limit has no room for them
	refusals       int64   // connections beyond it that are told why they are refused: refusalHeadroom, or fewer
	webPlaces      int64   // of maxConnections that connections with HTTP requests can take
	reserves       []int64 // of maxConnections, by port
	address        addressLimits
	clientID       clientIDLimit

	rules map[*snapshot.Listener]ruleCounts
}

// newGeneration makes a generation of a snapshot, which follows another one or nil. ports belong to its listeners, in their order.
func newGeneration(snap *snapshot.Snapshot, ports []*port, before *generation) *generation {
	g := &generation{
		Snapshot:  snap,
		ports:     ports,
		listeners: make(map[*port]*snapshot.Listener, len(ports)),

		sessionPools: map[string]*snapshot.Pool{},
		own:          ownAddressesOf(snap.Listeners, ports),
		address:      addressLimits{uint32(snap.MaxConnectionsPerAddress), rate.NewPace(snap.ConnectRatePerAddress, time.Second)},
		clientID:     newClientIDLimit(snap.ClientID),
	}
	for i, p := range ports {
		g.listeners[p] = snap.Listeners[i]
	}
	for _, p := range snap.UnusedPools {
		g.sessionPools[p.Name] = p
	}
	for _, ln := range snap.Listeners {
		for _, p := range ln.SessionPools() {
			g.sessionPools[p.Name] = p
		}
	}
	g.rules = newRuleCounts(g, before)
	return g
}

// port returns the port of a listener, or nil if there is no such listener.
func (g *generation) port(name string) *port {
	for i, ln := range g.Listeners {
		if ln.Name == name {
			return g.ports[i]
		}
	}
	return nil
}

// inForce returns this generation's pool of the same name, whose nodes may have changed since the
// client came. A removed node gets no new session. If the pool is gone, or now speaks another
// protocol, inForce returns p itself.
func (g *generation) inForce(p *snapshot.Pool) *snapshot.Pool {
	if now := g.sessionPools[p.Name]; now != nil && now.WebSocket == p.WebSocket {
		return now
	}
	return p
}

// beginOpening counts an opening under the generation that accepted its client.
func (l *loop) beginOpening(o *pending) {
	o.counted = true
	l.opensUnder[o.generation]++
}

// endOpening uncounts it. It may be called twice.
func (l *loop) endOpening(o *pending) {
	if !o.counted {
		return
	}
	o.counted = false
	if l.opensUnder[o.generation]--; l.opensUnder[o.generation] == 0 {
		delete(l.opensUnder, o.generation)
	}
}

// opensUnderEarlier reports whether the loop has an opening under a generation before the current one.
func (l *loop) opensUnderEarlier() bool {
	for g := range l.opensUnder {
		if g != l.current {
			return true
		}
	}
	return false
}

// opensUnderEarlier reports whether any loop has an opening accepted under an earlier generation. Such
// a client may still reach a removed node.
func (e *engine) opensUnderEarlier() bool {
	for _, l := range e.loops {
		if ask(l, l.opensUnderEarlier) {
			return true
		}
	}
	return false
}
