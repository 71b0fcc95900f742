package proxy

import (
	"time"

	"mqttlb/proxy/rate"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/web"
)

// generation is a snapshot in force, and what of the server goes with it. It is immutable. A session's opening goes by
// the one that it was accepted under; everything else goes by the present one.
type generation struct {
	*snapshot.Snapshot
	ports     []*port // of its listeners, in their order
	listeners map[*port]*snapshot.Listener

	maxConnections int64 // of the process: limits.max_connections, or what the descriptor limit has room for
	address        addressLimits

	handlers map[*snapshot.Listener]*httpHandler // of the listeners that serve HTTP
}

// newGeneration makes one of a snapshot whose listeners have these ports.
func newGeneration(snap *snapshot.Snapshot, ports []*port) *generation {
	g := &generation{
		Snapshot:  snap,
		ports:     ports,
		listeners: make(map[*port]*snapshot.Listener, len(ports)),
		address:   addressLimits{uint32(snap.MaxConnectionsPerAddress), rate.NewPace(snap.ConnectRatePerAddress, time.Second)},
	}
	for i, p := range ports {
		g.listeners[p] = snap.Listeners[i]
	}
	return g
}

// answers counts the requests to the listener of a name that were answered here, from before the generation on.
func (g *generation) answers(name string) *web.Answers {
	if g != nil {
		for ln, handler := range g.handlers {
			if ln.Name == name {
				return handler.answers
			}
		}
	}
	return new(web.Answers)
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
