package proxy

import "sync/atomic"

// place says in which limits a connection counts.
type place uint8

const (
	placeNone     place = iota
	placeAdmitted       // it counts in limits.max_connections and in its listener's limit
	placeRefused        // it lingers only to hear why it is refused, and counts in refusalHeadroom
)

// takePlace counts a connection that was accepted on a port. With placeNone the caller must close it
// at once.
func (srv *Server) takePlace(p *port, o *pending) place {
	if acquire(&p.admitted, o.listener.Limit()) {
		if acquire(&srv.admitted, o.generation.maxConnections) {
			return placeAdmitted
		}
		p.admitted.Add(-1)
	}
	if acquire(&srv.refused, refusalHeadroom) {
		return placeRefused
	}
	return placeNone
}

// placeToRefuse moves a connection that is now refused out of the limits, so that it takes no place
// from an admitted one. It returns placeNone when too many refused connections linger: then the caller
// must close it at once.
func (srv *Server) placeToRefuse(at *port, p place) place {
	if p == placeRefused {
		return p
	}
	srv.freePlace(at, p)
	if acquire(&srv.refused, refusalHeadroom) {
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
