package proxy

import (
	"errors"
	"fmt"

	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/websocket"
)

// A node that has got the CONNECT may still turn the client away: it refuses for reasons of its own,
// closes before it has answered, or does not answer. The client's bytes are kept until its CONNACK, so
// that the next candidate can get them. The client does not notice.

// RetryReason is why a client went on to the next candidate.
type RetryReason uint8

// The reasons.
const (
	RetryConnack RetryReason = iota // the node refused for reasons of its own
	RetryClosed                     // it closed before it had answered
	RetryReset                      // its connection broke before it had answered
	RetrySilent                     // it did not answer in time
	RetryOther                      // its answer was no CONNACK
	RetryReasons                    // the number of reasons
)

// String returns the reason's name in the metrics.
func (r RetryReason) String() string {
	return [RetryReasons]string{"connack", "closed", "reset", "silent", "other"}[r]
}

// keepFirst keeps the client's first bytes, which a node has got, while that node may turn the client
// away. A TLS 1.3 node may also reject our certificate. Otherwise it drops them.
func (l *loop) keepFirst(s *session) {
	o := s.pending
	certificate := s.server.layers != nil && s.server.layers.tls != nil
	if s.listener.Opaque() || o.pool.Confirm.Attempts == 0 && !certificate || o.early < 0 {
		o.stopKeeping()
		return
	}
	o.ownBytes()
	if o.nodes++; o.nodes == 1 {
		o.retryBy = walkTime(l.In(o.pool.Confirm.Time))
	}
	l.countKept(s)
}

// keepEarly keeps bytes that the client sends before its CONNACK.
func (l *loop) keepEarly(s *session, b []byte) {
	o := s.pending
	switch o.early -= len(b); {
	case len(o.bytes) == 0:
	case o.early < 0:
		o.stopKeeping()
	default:
		o.bytes = append(o.bytes, b...)
		o.buffer = o.bytes // not the one that was too small
		l.countKept(s)
	}
}

// countKept counts the bytes that are kept in limits.opening_memory, if they are many. A client whose
// bytes do not fit there keeps its session and stays with its node.
func (l *loop) countKept(s *session) {
	if size := cap(s.pending.bytes); size > smallBytes {
		l.hold(s, nil, size, func(s *session) {
			if s.pending.early = -1; s.flow != nil { // otherwise the next node is about to get them
				s.pending.stopKeeping()
			}
		})
	}
}

// stopKeeping drops the client's bytes: its node does not change any more, or no node gets it.
func (o *pending) stopKeeping() {
	o.bytes, o.owned, o.refusal = nil, false, nil
	o.buffer = o.reusable() // a large one is not counted any more
	o.held.end()
	o.held = nil
}

// retried reports whether a node has turned the client away.
func (o *pending) retried() bool { return o.nodes > 0 }

// connackBy returns the tick at which timeouts.connack is over, or 0 for no limit.
func (l *loop) connackBy(s *session) reactor.Tick {
	limit := s.pending.generation.Timeouts.Connack
	if limit == 0 {
		return 0
	}
	return l.In(limit)
}

// canChangeNode reports whether another node can get all that the client has sent, and the client has
// got nothing.
func (s *session) canChangeNode() bool {
	return s.pending != nil && len(s.pending.bytes) > 0 && !s.client.ended
}

// retry hands a client whose node has turned it away to the next candidate. It returns false if there
// is none, or if the client must stay: the answer, if there is one, is then for the client.
func (l *loop) retry(s *session, why RetryReason) (next step, ok bool) {
	o := s.pending
	if !s.canChangeNode() || s.client.broken || s.outcome != outcome.None {
		return 0, false
	}
	if o.nodes >= o.pool.Confirm.Attempts || why == RetryConnack && o.passesLoopOn() {
		return 0, false
	}
	o.walk.TurnedAway(why == RetryClosed || why == RetryReset)
	o.walk.Limit(o.retryBy)
	node, pause := o.walk.Next(walkTime(l.Timers.Now()))
	if node == nil && pause == 0 {
		return 0, false
	}
	reason := why.String()
	if why == RetryConnack {
		n, _ := packetEnd(l.answer)
		o.refusal, o.refused = append(o.refusal[:0], l.answer[:n]...), l.connack.Code
		reason = fmt.Sprintf("connack %#02x", l.connack.Code)
	}
	o.failure = failure(o.node, errors.New(reason))
	s.flow.Retries[why]++
	l.server.journal.retried(s.listener, o.pool.Name, o.node, reason)
	reactor.Abort(s.server.fd) // a late answer must not open a second session on that node
	l.leaveFlow(s)
	l.closeServer(s)
	o.doubted = append(o.doubted, o.node)
	o.node.Release()
	o.node = node
	o.newOffer()
	return stepDial, true
}

// accepted counts for its nodes that one of them has accepted the client. Only that shows that those which
// turned it away were at fault: a broker also closes if the CONNECT is wrong, and a client that sends such
// ones must not make outliers of good nodes.
func (o *pending) accepted() {
	o.node.Observed(true)
	for _, n := range o.doubted {
		n.Observed(false)
		n.AcceptedElsewhere()
	}
}

// unanswered is retry for a node that has sent no CONNACK, but b. If no other node is left, the client gets
// the CONNACK of the last one that sent one.
func (l *loop) unanswered(s *session, why RetryReason, b []byte) (next step, ok bool) {
	l.countUnanswered(s, why, b)
	if next, ok := l.retry(s, why); ok || len(s.pending.refusal) == 0 {
		return next, ok
	}
	o := s.pending
	o.fault = failure(o.node, errors.New(why.String()))
	reactor.Abort(s.server.fd)
	l.closeServer(s)
	return l.passRefusal(s, [...]outcome.Outcome{
		RetryClosed: outcome.ServerClosed, RetryReset: outcome.ServerReset, RetrySilent: outcome.ConnackTimeout, RetryOther: outcome.ServerClosed,
	}[why]), true
}

// leaveFlow ends the session's time on a node that it leaves for another one.
func (l *loop) leaveFlow(s *session) {
	s.flow.leave(s)
	s.flow, s.frames, s.pending.answer = nil, nil, nil
}

// passRefusal refuses a client, which no node has accepted, with the last CONNACK of a node.
func (l *loop) passRefusal(s *session, o outcome.Outcome) step {
	s.connack, s.connacked = s.pending.refused, true
	return l.refuse(s, opening.Refusal{Outcome: o, Packet: string(s.pending.refusal), Close: websocket.TryAgainLater})
}

// silent handles a node that has not answered the CONNECT in time.
func (l *loop) silent(s *session) step {
	switch {
	case s.step != stepConfirm:
	case s.pending.pool.Confirm.Silence:
		if next, ok := l.unanswered(s, RetrySilent, nil); ok {
			return next
		}
	default:
		l.countUnanswered(s, RetrySilent, nil)
	}
	if s.step == stepConfirm && s.canChangeNode() {
		s.pending.node.Observed(false)
	}
	return l.leave(s, outcome.ConnackTimeout)
}

// lastAnswer reads what a node has sent that takes no more bytes and has not answered yet. The result is
// stepRelay if the client has got it, and its session ends.
func (l *loop) lastAnswer(s *session) step {
	for range readsPerTurn {
		if s.client.kept != nil {
			return stepRelay
		}
		b, err := l.read(&s.server)
		switch {
		case s.refusedByNode(err):
			return l.dialAgain(s, err)
		case err != nil:
			if next, ok := l.unanswered(s, RetryReset, nil); ok {
				return next
			}
			return stepRelay
		}
		if next := l.answered(s, b, nil); next != stepConfirm {
			return next
		}
	}
	return stepRelay
}
