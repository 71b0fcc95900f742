package proxy

import "sync/atomic"

// place is what a connection counts for in limits.max_connections and that of its listener.
type place uint8

const (
	placeNone     place = iota
	placeAdmitted       // it was let in, and counts in both limits
	placeRefused        // it is only there to be told why it is refused: one of refusalHeadroom
)

// takePlace counts a connection that was accepted on a port, under the limits of its opening. With placeNone it is to be
// closed at once.
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

// placeToRefuse gives up the place in the limits of a connection that is refused after it was let in, so that it is not in the
// way of one that is not. It returns placeNone when too many others wait to be told the same: the connection is to be
// closed at once.
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

// leave uncounts a connection that ends.
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

// open is how many connections have been accepted and have not ended.
func (srv *Server) open() int64 { return srv.admitted.Load() + srv.refused.Load() }

// acquire adds one to a count that has not reached its limit.
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
