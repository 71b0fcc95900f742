package proxy

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// When a listener's CRLs were read again, or others have come with a generation, all open sessions are looked at,
// openings and HTTP connections included. Those whose certificate is revoked leave at the pace of a kick. A
// session whose handshake ends meanwhile is checked at its end: either it is in its slot before the look
// begins, or it ends its handshake under the new CRLs.

// revoked is what is known of the sessions with revoked certificates.
type revoked struct {
	wake chan struct{} // CRLs may have changed

	mu     *sync.Mutex             // guards the fields below, also during a look
	looked map[string]revokedCount // the last look, by the name of the listener
	found  bool                    // a look has found sessions, which runRevoked does not know yet
}

// revokedCount is the result of a look at the sessions of a listener.
type revokedCount struct {
	terminator *tlsterm.Terminator
	lists      tlsterm.Revision
	sessions   int
}

func newRevoked() revoked {
	return revoked{wake: make(chan struct{}, 1), mu: new(sync.Mutex), looked: map[string]revokedCount{}}
}

func (r *revoked) wakeUp() {
	select {
	case r.wake <- struct{}{}:
	default: // runRevoked already has a signal
	}
}

// RevokedSessions are the sessions of a listener whose certificate a CRL revokes.
type RevokedSessions struct {
	Listener  string
	Sessions  int // at the first look after the CRL was read
	PerSecond int // the pace at which they leave
}

// Revoked returns the listeners whose CRLs in force revoke the certificates of open sessions, which leave. The sessions
// were counted at the first look with these CRLs, which may be now. A CRL that a terminator reads again causes a look by
// itself; call Revoked after Apply, which may have brought other CRLs. It may be called from any goroutine.
func (srv *Server) Revoked(ctx context.Context) (found []RevokedSessions, err error) {
	r := &srv.revoked
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := srv.lookForRevoked(ctx); err != nil {
		return nil, err
	}
	for _, ln := range srv.current.Load().Listeners {
		if c := r.looked[ln.Name]; c.sessions > 0 {
			found = append(found, RevokedSessions{ln.Name, c.sessions, kicksPerSecond})
		}
	}
	return found, nil
}

// followCRLs adopts a generation. It makes no look: the caller of Apply reads the files of its terminators again, and
// then asks how many sessions are revoked.
func (srv *Server) followCRLs(g *generation) {
	for _, ln := range g.Listeners {
		if ln.TLS != nil {
			ln.TLS.Terminator.OnReload(srv.revoked.wakeUp)
		}
	}
}

// lookForRevoked counts the revoked sessions of those listeners whose CRLs no look was made with. It must be called with
// revoked.mu held.
func (srv *Server) lookForRevoked(ctx context.Context) error {
	r := &srv.revoked
	now, fresh := map[string]revokedCount{}, map[string]bool{}
	for _, ln := range srv.current.Load().Listeners {
		if !endsRevoked(ln) {
			continue
		}
		c := revokedCount{terminator: ln.TLS.Terminator, lists: ln.TLS.Terminator.Revision()}
		if before := r.looked[ln.Name]; before.terminator == c.terminator && before.lists == c.lists {
			c = before
		} else if c.lists != (tlsterm.Revision{}) {
			fresh[ln.Name] = true
		}
		now[ln.Name] = c
	}
	if len(fresh) > 0 {
		counts, err := srv.countRevoked(ctx, fresh)
		if err != nil {
			return err
		}
		for name, n := range counts {
			c := now[name]
			c.sessions, r.found = n, true
			now[name] = c
			srv.log.Warn("a CRL revokes the certificates of open sessions, which leave", "listener", name, "sessions", n, "per_second", kicksPerSecond)
		}
	}
	r.looked = now
	if r.found {
		r.wakeUp()
	}
	return nil
}

// countRevoked counts the revoked sessions of some listeners.
func (srv *Server) countRevoked(ctx context.Context, of map[string]bool) (map[string]int, error) {
	cursors, err := srv.cursors(ctx, 0)
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for _, c := range cursors {
		for !c.over() {
			c.look(func(s *session) bool {
				if s.step < stepLeave && c.loop.revokes(s) {
					if name := c.loop.current.listeners[s.listener.port].Name; of[name] {
						counts[name]++
					}
				}
				return true
			})
		}
	}
	return counts, nil
}

// runRevoked has the sessions with revoked certificates leave, until the stop.
func (srv *Server) runRevoked() {
	select {
	case <-srv.running:
	case <-srv.stopping:
		return
	}
	for {
		select {
		case <-srv.revoked.wake:
			if srv.takeRevoked() {
				srv.leaveRevoked()
			}
		case <-srv.stopping:
			return
		}
	}
}

// takeRevoked reports whether there are sessions that should leave.
func (srv *Server) takeRevoked() (found bool) {
	r := &srv.revoked
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = srv.lookForRevoked(context.Background()) // fails at the stop alone
	found, r.found = r.found, false
	return found
}

// leaveRevoked has the sessions with revoked certificates leave. It begins again at a look that finds others.
func (srv *Server) leaveRevoked() {
	began, told := time.Now(), 0
	pace := newSchedule(Pace{PerSecond: kicksPerSecond}, 0, began)
	pace.credit = 1 // the first leaves now
	pass := tour{cursors: srv.engine.cursors(0), outcome: outcome.CertificateRevoked}
	ticks := time.NewTicker(drainInterval)
	defer ticks.Stop()
	for !pass.over() {
		n := pass.leave(pace.due(time.Now(), 0), func(c *cursor, s *session) bool { return c.loop.revokes(s) })
		pace.took(n)
		told += n
		select {
		case <-ticks.C:
		case <-srv.revoked.wake:
			if srv.takeRevoked() {
				pass.cursors, pass.turn = srv.engine.cursors(0), 0
			}
		case <-srv.stopping:
			return
		}
	}
	srv.log.Info("the sessions with revoked certificates were told to leave", slog.Int("sessions", told), seconds(time.Since(began)))
}

// endsRevoked reports whether a listener ends sessions whose certificate is revoked.
func endsRevoked(ln *snapshot.Listener) bool { return ln.TLS != nil && !ln.TLS.KeepRevoked }

// revokes reports whether the CRLs in force revoke the certificate of the session's client, and the session has to go.
func (l *loop) revokes(s *session) bool {
	h := s.client.layers
	if h == nil || h.tls == nil {
		return false
	}
	ln := l.current.listeners[s.listener.port] // nil if the listener was removed
	return ln != nil && endsRevoked(ln) && ln.TLS.Terminator.Revokes(h.tls)
}
