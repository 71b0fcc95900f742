package walk

import (
	"math/rand/v2"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
)

// Pause bounds the pause before the candidates are tried once more, of which a random part
// is taken. Nodes that admit only so many clients a second drop the rest of a storm
// together: without the pause they would all be back together.
const Pause = time.Second

// Walk is how far a session has come in reaching a node. It goes over the candidates, and
// over them again as long as one of them may yet answer and there is time. It belongs to one
// session. Times are in ns of a clock of the caller's that only goes forward.
type Walk struct {
	start      balancer.Candidates // where it begins again
	candidates balancer.Candidates // those that are left
	until      int64               // when its time is over; 0: it does not begin again
	resumes    int64               // when the pause before it begins again is over; 0: there was none
	pause      time.Duration       // the longest
	reason     outcome.Outcome     // why there is no node yet
	timedOut   bool                // since its beginning time ran out on a node
	ended      bool                // no node is tried any more
	late       bool                // it was time that ended it
}

// New returns a walk over the candidates. Until its time is over it may begin again, after
// a pause of at most that length; an until of 0 has it try each candidate once, however
// long that takes.
func New(c balancer.Candidates, until int64, pause time.Duration) Walk {
	return Walk{start: c, candidates: c, until: until, pause: pause, reason: outcome.NoNode}
}

// Next returns the node to try now, which counts the session in: Release is owed. Nil with
// a pause: it is to be asked again after it. Nil without one: there is no node left.
func (w *Walk) Next(now int64) (node *balancer.Node, pause time.Duration) {
	switch {
	case w.ended:
		return nil, 0
	case w.over(now):
		w.ended, w.late = true, true
		return nil, 0
	case now < w.resumes:
		return nil, time.Duration(w.resumes - now)
	}
	for node := w.candidates.Next(); node != nil; node = w.candidates.Next() {
		if node.Acquire() {
			return node, 0
		}
		if w.reason == outcome.NoNode {
			w.reason = outcome.NodesFull
		}
	}
	if !w.timedOut || w.until == 0 {
		w.ended = true
		return nil, 0
	}
	w.candidates, w.timedOut = w.start, false
	pause = 1 + rand.N(max(w.pause, 1)) //nolint:gosec // it is to spread, not to be secret
	w.resumes = now + int64(pause)
	if w.over(w.resumes) { // the session is told at once
		w.ended, w.late = true, true
		return nil, 0
	}
	return nil, pause
}

// Failed notes why a node was not reached.
func (w *Walk) Failed(err error) Failure {
	f := FailureOf(err)
	w.reason = f.Outcome
	w.timedOut = w.timedOut || f.TimedOut
	w.ended = w.ended || f.Outcome == outcome.DescriptorsExceeded // another node would need one, too
	return f
}

// Reason is the outcome of a session for which no node is left: why the last candidate was
// passed over.
func (w *Walk) Reason() outcome.Outcome { return w.reason }

// Late reports whether it ended because its time was over, or all but the pause.
func (w *Walk) Late() bool { return w.late }

// Until is when its time is over; 0: it has no end.
func (w *Walk) Until() int64 { return w.until }

func (w *Walk) over(now int64) bool { return w.until != 0 && now >= w.until }
