package proxy

import (
	"math/rand/v2"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/walk"
)

// nodeWalk is how far a session has come in reaching a node: it goes over its candidates,
// and over them again as long as one of them may yet answer and there is time.
type nodeWalk struct {
	start    balancer.Candidates // where it begins again
	until    reactor.Tick        // when timeouts.connect_node is over; 0: it does not begin again
	resumes  reactor.Tick        // when the pause before it begins again is over; 0: there was none
	timedOut bool                // since its beginning time ran out on a node

	// Of the attempt that is under way.
	dialled  reactor.Tick // when it began
	attempt  reactor.Tick // when its time is over
	unproven int          // how many bytes the node has yet to acknowledge one of; 0: none
}

// over reports whether timeouts.connect_node is over.
func (w *nodeWalk) over(now reactor.Tick) bool { return w.until != 0 && now >= w.until }

// beginWalk begins the walk over a session's candidates.
func (l *loop) beginWalk(o *pending, c balancer.Candidates) {
	o.candidates, o.reason = c, outcome.NoNode
	o.walk = nodeWalk{start: c}
	if limit := l.server.snapshot.Timeouts.ConnectNode; limit > 0 {
		o.walk.until = l.In(limit)
	}
}

// dial begins a connection to the next candidate.
func (l *loop) dial(s *session) step {
	o := s.pending
	if s.client.broken {
		return l.finish(s, outcome.ClientGone)
	}
	if l.Timers.Now() < o.walk.resumes {
		return stepWait
	}
	for !o.walk.over(l.Timers.Now()) {
		node := o.candidates.Next()
		if node == nil {
			if o.walk.timedOut && o.walk.until != 0 {
				return l.walkAgain(s)
			}
			break
		}
		if !node.Acquire() {
			if o.reason == outcome.NoNode {
				o.reason = outcome.NodesFull
			}
			continue
		}
		o.node = node
		err := l.connect(s)
		if err == nil {
			o.walk.dialled, o.walk.attempt, o.walk.unproven = l.Timers.Now(), l.In(l.server.snapshot.Timeouts.Dial), 0
			if o.walk.until != 0 {
				o.walk.attempt = min(o.walk.attempt, o.walk.until)
			}
			s.deadline = o.walk.attempt
			return pick(o.pool.TLS != nil, stepSecure, stepAnnounce)
		}
		l.giveUp(s, err)
		if o.reason == outcome.DescriptorsExceeded {
			break // another node would need one too
		}
	}
	if o.walk.over(l.Timers.Now()) {
		o.failure += "; timeouts.connect_node is over"
	}
	return l.noNodeLeft(s)
}

// walkAgain has a session pause before it begins its walk anew. Nodes that admit only
// so many clients a second drop the rest of a storm together: without the pause, of
// random length, they would all be back together.
func (l *loop) walkAgain(s *session) step {
	o := s.pending
	o.candidates, o.walk.timedOut = o.walk.start, false
	pause := rand.N(min(l.server.waits.walkPause, l.server.snapshot.Timeouts.Dial) + 1) //nolint:gosec // it is to spread, not to be secret
	o.walk.resumes = min(l.Timers.Now()+reactor.Ticks(pause), o.walk.until)
	s.deadline = o.walk.resumes
	return stepWait
}

// noNodeLeft refuses a session that no candidate has taken.
func (l *loop) noNodeLeft(s *session) step {
	s.pending.fault = s.pending.failure
	return l.refuse(s, noCandidate(s.pending.reason))
}

// dialTimeout is what is wrong when time runs out while a node is dialled.
func (l *loop) dialTimeout(s *session) error {
	switch c := s.pending.conn; {
	case s.step == stepSwitch:
		return errUpgradeTimeout
	case s.step != stepSecure:
		return errDialTimeout
	case c != nil && c.openFor() < l.server.snapshot.Timeouts.Dial/2:
		return walk.ErrNoTurn // the node has not had its time
	default:
		return errHandshakeTimeout
	}
}
