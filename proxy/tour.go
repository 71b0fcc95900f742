package proxy

import (
	"slices"

	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
)

// tour is one way through the sessions of the loops on which some of them are told to leave. Each look
// of it takes few of them, and the loops take turns, so that none has a long turn.
type tour struct {
	cursors []*cursor // that have sessions to pass
	turn    int       // of the last look
	outcome outcome.Outcome
	code    mqttparse.ReasonCode // told in place of the outcome's own; 0: the outcome's own
}

// over reports whether all sessions were passed.
func (t *tour) over() bool { return len(t.cursors) == 0 }

// leave has the next sessions leave for which chosen returns true, up to due of them, and returns their
// number. It passes the others and those that leave already. chosen runs in the session's loop.
func (t *tour) leave(due int, chosen func(*cursor, *session) bool) (leaving int) {
	for looks := looksPerTick * len(t.cursors); looks > 0 && leaving < due && !t.over(); looks-- {
		t.turn = (t.turn + 1) % len(t.cursors)
		c := t.cursors[t.turn]
		share := max((due-leaving)/len(t.cursors), 1)
		leaving += t.look(c, min(share, leavesPerLook), chosen)
		if c.over() {
			t.cursors = slices.Delete(t.cursors, t.turn, t.turn+1)
		}
	}
	return leaving
}

// look has up to most sessions leave in one look.
func (t *tour) look(c *cursor, most int, chosen func(*cursor, *session) bool) (leaving int) {
	c.look(func(s *session) bool {
		if s.step < stepLeave && chosen(c, s) {
			leaving++
			s.code = t.code
			c.loop.resume(s, c.loop.leave(s, t.outcome))
		}
		return leaving < most
	})
	return leaving
}
