package proxy

import (
	"context"
	"time"

	"mqttlb/proxy/reactor"
)

// The table of sessions is what an operator sees: the sessions of all loops, openings and HTTP
// connections included. Only a loop may touch its sessions, so the table is visited in looks: in one
// look a loop shows the sessions in slotsPerLook slots. Between two looks the loop serves its sessions.

// cursor is a position in the sessions of one loop. It passes each session once that was there when it
// was made and has not ended when its slot's turn comes. It passes no session that began later.
type cursor struct {
	loop  *loop
	next  uint32 // slot
	slots uint32 // allocated when the cursor was made
	last  uint64 // serial of the last session that had begun then
	made  int64  // in ns of the loop's clock
}

// cursors returns a cursor for each loop, once the loops run. If id is not 0, it returns only the
// cursor of this session's loop.
func (srv *Server) cursors(ctx context.Context, id SessionID) ([]*cursor, error) {
	if err := srv.waitRunning(ctx); err != nil {
		return nil, err
	}
	return srv.engine.cursors(id), nil
}

// cursors is Server.cursors once the loops run.
func (e *engine) cursors(id SessionID) (cursors []*cursor) {
	for _, l := range e.loops {
		if id != 0 && l.number != e.loopOf(id) {
			continue
		}
		c := ask(l, func() *cursor {
			return &cursor{loop: l, slots: uint32(l.sessions.Cap()), last: l.serial, made: l.Now()}
		})
		if c != nil { // otherwise the loop has ended, and its sessions before it
			cursors = append(cursors, c)
		}
	}
	return cursors
}

// waitRunning waits until the loops run, or have ended.
func (srv *Server) waitRunning(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	select {
	case <-srv.running:
		return nil
	default:
	}
	select {
	case <-srv.running:
		return nil
	case <-srv.stopping:
		return ErrStopping
	case <-ctx.Done():
		return ctx.Err()
	}
}

// over reports whether the cursor has passed all slots.
func (c *cursor) over() bool { return c.next >= c.slots }

// look calls f for the sessions in the next slotsPerLook slots, in one turn of the loop, until f
// returns false. f runs in the loop's goroutine and may end the session. Looks of several goroutines
// come in different turns.
func (c *cursor) look(f func(*session) (more bool)) {
	c.loop.looking.Lock()
	defer c.loop.looking.Unlock()
	if !ask(c.loop, func() bool { c.lookNow(f); return true }) {
		c.next = c.slots
	}
}

// lookNow is look inside the loop.
func (c *cursor) lookNow(f func(*session) (more bool)) {
	for end := min(c.next+slotsPerLook, c.slots); c.next < end; {
		s := c.loop.sessions.At(c.next)
		c.next++
		if s.listener != nil && s.serial <= c.last && !f(s) {
			return
		}
	}
}

// silence returns how long no byte has passed. Bytes of an opening do not count: it is silent since it
// began.
func (l *loop) silence(s *session) time.Duration {
	if v := s.http(); v != nil {
		return time.Duration(max(l.Now()-max(v.passed.Load(), s.begun), 0))
	}
	last := max(s.active, s.answered)
	if last == 0 {
		return time.Duration(l.Now() - s.begun)
	}
	return time.Duration(l.Timers.Now()-last) * reactor.TickLength
}

// http returns the connection that net/http serves for the session; nil: none.
func (s *session) http() *httpConn {
	if s.pending == nil || s.pending.borrower != clientHTTP {
		return nil
	}
	return s.pending.http
}

// moved returns the bytes that have come from the client and that were sent to it.
func (s *session) moved() (received, sent uint64) {
	received, sent = s.client.moved, s.server.moved
	if v := s.http(); v != nil {
		received, sent = received+v.received.Load(), sent+v.sent.Load()
	}
	return received, sent
}
