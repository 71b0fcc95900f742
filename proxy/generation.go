package proxy

import (
	"time"

	"mqttlb/proxy/rate"
	"mqttlb/proxy/snapshot"
)

// generation is a snapshot in force, and what of the server goes with it. It is immutable. A session's opening goes by
// the one that it was accepted under; everything else goes by the present one.
type generation struct {
	*snapshot.Snapshot
	ports     []*port // of its listeners, in their order
	listeners map[*port]*snapshot.Listener

	sessionPools map[string]*snapshot.Pool // that sessions may be on, by name

	maxConnections int64 // of the process: limits.max_connections, or what the descriptor limit has room for
	address        addressLimits
}

// newGeneration makes one of a snapshot whose listeners have these ports.
func newGeneration(snap *snapshot.Snapshot, ports []*port) *generation {
	g := &generation{
		Snapshot:  snap,
		ports:     ports,
		listeners: make(map[*port]*snapshot.Listener, len(ports)),

		sessionPools: map[string]*snapshot.Pool{},
		address:      addressLimits{uint32(snap.MaxConnectionsPerAddress), rate.NewPace(snap.ConnectRatePerAddress, time.Second)},
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
	return g
}

// port is that of a listener; nil: there is no such one.
func (g *generation) port(name string) *port {
	for i, ln := range g.Listeners {
		if ln.Name == name {
			return g.ports[i]
		}
	}
	return nil
}

// inForce is a pool as it is in this generation. Its nodes may be others than when the client came, and one that was
// removed takes no new session. A pool that is gone, or whose nodes speak another protocol now, stays as it was.
func (g *generation) inForce(p *snapshot.Pool) *snapshot.Pool {
	if now := g.sessionPools[p.Name]; now != nil && now.WebSocket == p.WebSocket {
		return now
	}
	return p
}

// beginOpening counts an opening under the generation that its client was accepted under.
func (l *loop) beginOpening(o *pending) {
	o.counted = true
	l.opensUnder[o.generation]++
}

// endOpening ends that count. It may be called twice.
func (l *loop) endOpening(o *pending) {
	if !o.counted {
		return
	}
	o.counted = false
	if l.opensUnder[o.generation]--; l.opensUnder[o.generation] == 0 {
		delete(l.opensUnder, o.generation)
	}
}

// opensUnderEarlier reports whether the loop has an opening of a generation before the present one.
func (l *loop) opensUnderEarlier() bool {
	for g := range l.opensUnder {
		if g != l.current {
			return true
		}
	}
	return false
}
