package proxy

import (
	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/walk"
)

// beginWalk begins the walk over a session's candidates.
func (l *loop) beginWalk(o *pending, c balancer.Candidates) {
	var until int64
	if limit := o.generation.Timeouts.ConnectNode; limit > 0 {
		until = walkTime(l.In(limit))
	}
	o.walk = walk.New(c, until, min(l.server.waits.walkPause, o.generation.Timeouts.Dial))
}

// walkTime returns a tick in the time of package walk.
func walkTime(at reactor.Tick) int64 { return int64(at) * int64(reactor.TickLength) }

// dial begins a connection to the next candidate.
func (l *loop) dial(s *session) step {
	o := s.pending
	if s.client.broken {
		return l.finish(s, outcome.ClientGone)
	}
	for {
		now := l.Timers.Now()
		if o.node == nil { // otherwise retry has chosen it
			node, pause := o.walk.Next(walkTime(now))
			if pause > 0 {
				s.deadline = now + reactor.Ticks(pause)
				return stepWait
			}
			if node == nil {
				break
			}
			o.node = node
		}
		if err := l.dialNode(s); err != nil {
			l.failAttempt(s, err)
			continue
		}
		o.begunAt = l.Now()
		o.begun, o.until, o.unproven = now, l.In(o.generation.Timeouts.Dial), 0
		if until := o.walk.Until(); until != 0 {
			o.until = min(o.until, reactor.Tick(until/int64(reactor.TickLength)))
		}
		s.deadline = o.until
		return pick(o.pool.TLS != nil, stepSecure, stepAnnounce)
	}
	if o.walk.Late() {
		o.failure += pick(o.retried(), "; the time of confirm is over", "; timeouts.connect_node is over")
	}
	return l.noNodeLeft(s)
}

// noNodeLeft refuses a session after its last candidate.
func (l *loop) noNodeLeft(s *session) step {
	s.pending.fault = s.pending.failure
	if len(s.pending.refusal) > 0 {
		return l.passRefusal(s, s.pending.walk.Reason())
	}
	return l.refuse(s, noCandidate(s.pending.walk.Reason()))
}

// dialTimeout returns the error for an attempt that has run out of time.
func (l *loop) dialTimeout(s *session) error {
	switch c := s.pending.conn; {
	case s.step == stepSwitch:
		return errUpgradeTimeout
	case s.step != stepSecure:
		return errDialTimeout
	case c != nil && c.openFor() < s.pending.generation.Timeouts.Dial/2:
		return walk.ErrNoTurn // the node had less than half of the time, because of the gate
	default:
		return errHandshakeTimeout
	}
}
