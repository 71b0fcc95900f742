package walk

import (
	"math/rand/v2"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
)

// Pause is the longest pause before the candidates are tried again; the pause is a random
// part of it. Nodes that admit a limited number of clients a second drop the rest of a
// storm at the same moment. Without the pause all of these would come back at the same
// moment.
const Pause = time.Second

// A node that closes before it has answered a CONNECT may accept the next one: an EMQX node
// closes some clients in the first moments after another node of its cluster has died. The
// pause before the candidates are tried again is between closedPause and twice of it, and
// doubles. A node at its limit of connections closes, too, and a client whose CONNECT is
// wrong is closed by all: such clients must not multiply, so there are few repeats.
const (
	closedPause = 50 * time.Millisecond
	mostRepeats = 2
)

// mostRefusals is how many nodes may refuse what a client asks for, until no more are tried. One may be at fault
// itself. If two are, all are, or rather the client.
const mostRefusals = 2

// A node that has several addresses is tried at them as RFC 8305 (Happy Eyeballs) says. That is one attempt of a walk, which
// sees only its end.
const (
	// BesideAfter is the Connection Attempt Delay of RFC 8305, 5: the time after which the next address is tried
	// beside those that have not answered.
	BesideAfter = 250 * time.Millisecond

	// MostAbreast is how many connections of one attempt are made at the same time, at most. The oldest makes room for
	// the next; it has then waited for four times BesideAfter.
	MostAbreast = 4
)

// Walk is a session's walk over the candidates. It repeats the candidates while there is
// time and one of them timed out, and a few times if all that got the CONNECT have closed. It
// belongs to one session. Times are in ns of the caller's monotonic clock.
type Walk struct {
	start      balancer.Candidates // all candidates
	tier       balancer.Candidates // all candidates of the tier that this round has come to
	candidates balancer.Candidates // the candidates left in this round
	until      int64               // end of the walk's time; 0: the candidates are not repeated
	resumes    int64               // end of the pause before this round; 0: there was none
	pause      time.Duration       // the longest
	reason     outcome.Outcome     // why no node was reached yet
	reached    bool                // a node of the tier was reached, or not tried: it is full, busy, or we were short of something
	timedOut   bool                // an attempt of this round timed out
	closed     bool                // a node of this round has closed in place of an answer
	answered   bool                // a node has refused the session, which is an answer, or was silent
	repeats    int                 // rounds that followed one in which nodes had closed
	refusals   int                 // nodes that have refused what the client asks for
	ended      bool                // no more nodes are tried
	late       bool                // the time is over
	awaits     bool                // the nodes are not known yet

	queueing queueing
}

// New returns a walk over the candidates. Until the time until it may repeat them, after a
// random pause of at most pause. An until of 0 means that each candidate is tried once,
// without a time limit.
func New(c balancer.Candidates, until int64, pause time.Duration) Walk {
	return Walk{start: c, tier: c, candidates: c, until: until, pause: pause, reason: outcome.NoNode}
}

// Next returns the node to try now and acquires it: call Release later. If the pause is not 0,
// call Next again after the pause. Then the session waits in the queue of the node, if it is
// not nil, which is acquired as well: if Next returns another one later, it has released this
// one. If both are zero, no node is left.
func (w *Walk) Next(now int64) (node *balancer.Node, pause time.Duration) {
	if w.Queued() {
		if node, pause := w.await(now); node != nil {
			return node, pause
		}
	}
	switch {
	case w.ended:
		return nil, 0
	case w.over(now):
		w.ended, w.late = true, true
		return nil, 0
	case now < w.resumes:
		return nil, time.Duration(w.resumes - now)
	}
	for tier := true; tier; tier = w.nextTier() {
		for node := w.candidates.Next(); node != nil; node = w.candidates.Next() {
			if node, pause, done := w.ask(node, now); done {
				return node, pause
			}
		}
	}
	if node, pause := w.queueAnywhere(now); node != nil {
		return node, pause
	}
	if w.queueing.busy != nil {
		w.reason = outcome.NodeBusy
	}
	pause = w.pauseBefore()
	if pause == 0 {
		w.ended = true
		return nil, 0
	}
	w.newRound()
	w.resumes = now + int64(pause)
	if w.over(w.resumes) { // do not make the session wait for nothing
		w.ended, w.late = true, true
		return nil, 0
	}
	return nil, pause
}

// pauseBefore returns the pause before the candidates are tried again; 0: they are not.
func (w *Walk) pauseBefore() time.Duration {
	switch {
	case w.until == 0:
		return 0
	case w.timedOut, w.awaits:
		return 1 + rand.N(max(w.pause, 1)) //nolint:gosec // it is to spread, not to be secret
	case w.closed && !w.answered && w.repeats < mostRepeats:
		least := closedPause << w.repeats
		w.repeats++
		return max(min(least+rand.N(least), w.pause), 1) //nolint:gosec // as above
	default:
		return 0
	}
}

// newRound begins again with the first candidate.
func (w *Walk) newRound() {
	w.tier, w.candidates, w.reached, w.timedOut, w.closed = w.start, w.start, false, false, false
	w.queueing.failed, w.queueing.crowded = w.queueing.failed[:0], false
}

// nextTier goes on to the nodes of the next priority, if none of this one could be reached: RFC 2782 asks for the
// lowest priority that a client can reach. Nodes that are full or busy, or that refuse the client, were reached, and
// their work is not for a backup. It reports whether there are such nodes.
func (w *Walk) nextTier() bool {
	if w.reached {
		return false
	}
	below, ok := w.start.Below(&w.candidates)
	if ok {
		w.tier, w.candidates = below, below
	}
	return ok
}

// ask acquires a candidate, and reports whether Next returns.
func (w *Walk) ask(node *balancer.Node, now int64) (_ *balancer.Node, pause time.Duration, done bool) {
	switch {
	case !node.Acquire():
		if w.reason == outcome.NoNode {
			w.reason = outcome.NodesFull
		}
		w.reached = true
		return nil, 0, false
	case node.Admit():
		w.queueing.last = node
		return node, 0, true
	}
	return w.noRoom(node, now)
}

// Failed records why a node was not reached.
func (w *Walk) Failed(err error) Failure {
	f := FailureOf(err)
	w.passOver()
	if last := w.queueing.last; last != nil && f.Unreached && !f.TimedOut {
		last.NotReached()
	}
	if f.OfRequest {
		w.refusals++
	}
	w.reached = w.reached || !f.Unreached
	w.reason = f.Outcome
	w.timedOut = w.timedOut || f.TimedOut
	w.ended = w.ended || f.Outcome == outcome.DescriptorsExceeded || // another node would need a descriptor, too
		w.refusals >= mostRefusals
	return f
}

// TurnedAway records that the node which was tried last has got the CONNECT and has not
// accepted it: it has closed, or it has refused or was silent.
func (w *Walk) TurnedAway(closed bool) {
	w.passOver()
	w.reached, w.closed, w.answered = true, w.closed || closed, w.answered || !closed
}

// Await has the walk go on although there is no candidate: the nodes of the pool are not known yet. The caller
// begins a new one with Limit when they are.
func (w *Walk) Await() { w.awaits = true }

// Awaits reports whether Await was called.
func (w *Walk) Awaits() bool { return w.awaits }

// Limit sets the end of the walk's time, as in New.
func (w *Walk) Limit(until int64) { w.until = until }

// Reason returns the outcome of a session for which no node is left: why the last
// candidate failed.
func (w *Walk) Reason() outcome.Outcome { return w.reason }

// Late reports whether the walk ended because its time was over, or would be over after
// the pause.
func (w *Walk) Late() bool { return w.late }

// Until returns the end of the walk's time; 0: no end.
func (w *Walk) Until() int64 { return w.until }

func (w *Walk) over(now int64) bool { return w.until != 0 && now >= w.until }
