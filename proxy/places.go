package proxy

import (
	"sync/atomic"

	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
)

// place says in which limits a connection counts.
//
// Three rules keep the connections of one kind from taking all places of another:
//   - A listener's reserve is for its own connections.
//   - A place is only lent to an opening, which is a connection whose handshake, CONNECT or request is not
//     whole. When all places are taken, it goes to a new connection of another address; see giveWay.
//   - HTTP requests have at most half of the places; see webPlace.
type place uint8

const (
	placeNone     place = iota
	placeAdmitted       // it counts in limits.max_connections and in its listener's limit
	placeRefused        // it lingers only to hear why it is refused, and counts in the generation's refusals
)

// takePlace counts a connection that was accepted on a port, and returns the limit that it exceeds. With
// placeNone the caller must close it at once.
func (srv *Server) takePlace(p *port, o *pending) (place, outcome.Outcome) {
	excess := srv.admit(p, o)
	switch {
	case excess == outcome.None:
		return placeAdmitted, excess
	case acquire(&srv.refused, o.generation.refusals):
		return placeRefused, excess
	}
	return placeNone, excess
}

// admit counts a connection in the limits, or returns the one that it exceeds. One that takes the place of
// an opening is over the limit until that has ended, a turn of its loop later.
func (srv *Server) admit(at *port, o *pending) outcome.Outcome {
	g, from := o.generation, o.Client
	if !acquire(&at.admitted, o.listener.Limit()) {
		if !srv.makeRoom(from, func(p *port) bool { return p == at }) {
			return outcome.RefusedConnections
		}
		at.admitted.Add(1)
		srv.admitted.Add(1)
		return outcome.None
	}
	most := g.maxConnections - g.reservedForOthers(at)
	if acquire(&srv.admitted, most) {
		return outcome.None
	}
	// The place of an opening within the reserve of its own listener would be of no use here.
	if srv.makeRoom(from, func(p *port) bool { return p == at || p.admitted.Load() > g.reserve(p) }) {
		srv.admitted.Add(1)
		return outcome.None
	}
	at.admitted.Add(-1)
	if srv.admitted.Load() < g.maxConnections {
		return outcome.RefusedReserve
	}
	return outcome.RefusedConnections
}

// lendsOn returns the port where the session has a place that it can give away while it is an opening, or nil.
func (s *session) lendsOn() *port {
	if s.place == placeAdmitted {
		return s.listener.port
	}
	return nil
}

// makeRoom ends an opening on one of the given ports for a new connection.
func (srv *Server) makeRoom(from opening.Client, on func(*port) bool) bool {
	if !srv.openingMemory.giveWay(from, on) {
		return false
	}
	srv.gaveWay.Add(1)
	return true
}

// reserve returns how many places only the connections of a port can take.
func (g *generation) reserve(p *port) int64 {
	ln := g.listeners[p]
	if ln == nil {
		return 0 // the listener was removed
	}
	return ln.ReserveOf(g.maxConnections)
}

// reservedForOthers returns how many free places are the reserves of other ports than this one.
func (g *generation) reservedForOthers(at *port) (n int64) {
	for i, p := range g.ports {
		if p != at && g.reserves[i] > 0 {
			n += max(0, g.reserves[i]-p.admitted.Load())
		}
	}
	return n
}

// webPlace says whether a connection with HTTP requests counts in the places for those.
type webPlace struct {
	of    *atomic.Int64 // the count; set before state
	state atomic.Uint32
}

const (
	webNone uint32 = iota
	webCounted
	webLeft // the connection has ended
)

// take counts the connection, once, unless most are counted. One goroutine at a time may call it.
func (w *webPlace) take(count *atomic.Int64, most int64) bool {
	if w.state.Load() != webNone {
		return true
	}
	if !acquire(count, most) {
		return false
	}
	w.of = count
	if !w.state.CompareAndSwap(webNone, webCounted) {
		count.Add(-1)
	}
	return true
}

// leave uncounts the connection. Any goroutine may call it, and more than once.
func (w *webPlace) leave() {
	if w.state.Swap(webLeft) == webCounted {
		w.of.Add(-1)
	}
}

// setPlaces computes the places of the generation from the number that fits into the descriptor limit.
func (g *generation) setPlaces(n, refusals int64) {
	g.maxConnections, g.refusals, g.webPlaces = n, refusals, n
	g.reserves = make([]int64, len(g.ports))
	for i, p := range g.ports {
		g.reserves[i] = g.reserve(p)
		if len(g.Listeners[i].SessionPools()) > 0 {
			g.webPlaces = max(n/2, 1) // otherwise there are only requests
		}
	}
}

// placeToRefuse moves a connection that is now refused out of the limits, so that it takes no place
// from an admitted one. It returns placeNone when too many refused connections linger: then the caller
// must close it at once.
func (srv *Server) placeToRefuse(at *port, p place) place {
	if p == placeRefused {
		return p
	}
	srv.freePlace(at, p)
	if acquire(&srv.refused, srv.current.Load().refusals) {
		return placeRefused
	}
	return placeNone
}

// freePlace uncounts a connection that ends.
func (srv *Server) freePlace(at *port, p place) {
	switch p {
	case placeAdmitted:
		at.admitted.Add(-1)
		srv.admitted.Add(-1)
	case placeRefused:
		srv.refused.Add(-1)
	case placeNone:
	}
}

// open returns the number of connections that were accepted and have not ended.
func (srv *Server) open() int64 { return srv.admitted.Load() + srv.refused.Load() }

// acquire adds one to a count unless it has reached its limit.
func acquire(count *atomic.Int64, limit int64) bool {
	for {
		n := count.Load()
		if n >= limit {
			return false
		}
		if count.CompareAndSwap(n, n+1) {
			return true
		}
	}
}
