package proxy

import (
	"cmp"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/walk"
)

// beginWalk begins the walk over a session's candidates in a pool, or in what a reload has made of it.
func (l *loop) beginWalk(s *session, p *snapshot.Pool) {
	o := s.pending
	o.pool = l.current.inForce(p)
	var until int64
	if limit := o.generation.Timeouts.ConnectNode; limit > 0 {
		until = walkTime(l.In(limit))
	}
	o.walk = walk.New(o.pool.Candidates(balancer.Client{Key: o.key, Keyed: o.keyed, Persistent: s.persistent}), until, min(l.server.waits.walkPause, o.generation.Timeouts.Dial))
	if o.pool.Undiscovered {
		o.walk.Await()
		o.failure = "the nodes of the pool are not known yet"
	}
	if s.persistent && o.keyed && o.pool.HashKey != balancer.NoKey {
		o.walk.Stay()
	}
}

// walkTime returns a tick in the time of package walk.
func walkTime(at reactor.Tick) int64 { return int64(at) * int64(reactor.TickLength) }

// dial begins a connection to the next candidate.
func (l *loop) dial(s *session) step {
	o := s.pending
	if s.client.broken {
		return l.finish(s, outcome.ClientGone)
	}
	if o.walk.Queued() && l.isRemoved(&o.attempt) {
		l.dropAttempt(s)
		l.beginWalk(s, o.pool)
	}
	if o.walk.Awaits() && l.current.inForce(o.pool) != o.pool { // their nodes are known by now
		until := o.walk.Until()
		o.failure = ""
		l.beginWalk(s, o.pool)
		o.walk.Limit(until)
	}
	for {
		now := l.Timers.Now()
		if o.node == nil || o.walk.Queued() { // otherwise retry has chosen it, and it need not wait
			node, pause := o.walk.Next(walkTime(now))
			o.node = node
			if pause > 0 {
				s.deadline = now + reactor.Ticks(pause)
				return l.queue(s)
			}
		}
		if o.waitIsOver(); o.node == nil {
			break
		}
		if err := l.dialNode(s); err != nil {
			l.failAttempt(s, err)
			continue
		}
		o.begunAt = l.Now()
		o.until, o.unproven = l.In(o.generation.Timeouts.Dial), 0
		if until := o.walk.Until(); until != 0 {
			o.until = min(o.until, reactor.Tick(until/int64(reactor.TickLength)))
		}
		l.limitAddress(s)
		return pick(o.pool.TLS != nil, stepSecure, stepAnnounce)
	}
	if o.walk.Late() {
		o.failure += pick(o.retried(), "; pools[].confirm.time is over", "; timeouts.connect_node is over")
	}
	return l.noNodeLeft(s)
}

// noNodeLeft refuses a session after its last candidate. If nodes are only full or busy, the client is told
// later.
func (l *loop) noNodeLeft(s *session) step {
	o, reason := s.pending, s.pending.walk.Reason()
	if n := o.walk.Busy(); reason == outcome.NodeBusy && n != nil {
		o.failure = "node " + n.Name + ": " + cmp.Or(n.Busy(), "it was busy")
	}
	o.fault = o.failure
	switch {
	case len(o.refusal) > 0:
		return l.passRefusal(s, reason)
	case reason == outcome.NodeBusy, reason == outcome.NodesFull:
		return l.refuseLater(s)
	}
	return l.refuse(s, refusalOf(reason, o.refusedStatus))
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
