package health

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"mqttlb/balancer"
)

// probeFunc asks a node whether it is alive, within the Check's Timeout, and
// gives up when ctx is done.
type probeFunc func(ctx context.Context, n *balancer.Node) result

// result is how a probe went.
type result struct {
	took time.Duration // to the verdict
	err  error         // nil: the node is alive
}

// watcher keeps the verdict on one node. Everything is touched by watch alone,
// but for the two fields at the end.
type watcher struct {
	node    *balancer.Node
	check   Check
	probe   probeFunc
	log     *slog.Logger
	verdict verdict
	reason  string // of the last line that said the node is down, as cause has it

	doubt  chan struct{} // a session could not connect
	status atomic.Pointer[Status]
}

func newWatcher(n *balancer.Node, check Check, probe probeFunc, log *slog.Logger) *watcher {
	w := &watcher{
		node: n, check: check, probe: probe, log: log,
		verdict: verdict{rise: check.Rise, fall: check.Fall, up: true},
		doubt:   make(chan struct{}, 1),
	}
	w.status.Store(&Status{Node: n, Up: true})
	return w
}

func (w *watcher) sessionFailed() {
	select {
	case w.doubt <- struct{}{}:
	default: // it is going to look anyway
	}
}

// watch probes the node until ctx is done and the last probe has ended. The probe
// runs beside it, so that ctx is heard while a probe waits for its answer.
func (w *watcher) watch(ctx context.Context) {
	results := make(chan result, 1)
	probing, hastened := false, false
	var begun time.Time
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			if probing {
				<-results
			}
			return
		case <-next.C:
			probing, hastened, begun = true, false, time.Now()
			// Ends within the timeout or with ctx; its result is waited for.
			go w.runProbe(ctx, results)
		case r := <-results:
			probing = false
			if ctx.Err() != nil {
				return // it was cut short and says nothing
			}
			w.probed(r)
			next.Reset(w.pause(begun, hastened))
		case <-w.doubt:
			// One of a storm is enough: the next probe is on its way.
			if !hastened && !probing {
				next.Reset(w.pause(begun, true))
			}
			hastened = true
		}
	}
}

func (w *watcher) runProbe(ctx context.Context, results chan<- result) {
	results <- w.probe(ctx, w.node)
}

// pause returns how long to wait with the next probe, when the last one began
// at begun. It is hastened when a session could not connect since.
func (w *watcher) pause(begun time.Time, hastened bool) time.Duration {
	interval := w.check.Interval
	if w.verdict.up && (hastened || w.verdict.against > 0) {
		interval = min(interval, fastInterval)
	}
	interval += time.Duration((2*rand.Float64() - 1) * jitter * float64(interval))
	return time.Until(begun.Add(interval))
}

func (w *watcher) probed(r result) {
	s := *w.status.Load()
	s.Last, s.Took = time.Now(), r.took
	if r.err == nil {
		s.Passed++
	} else {
		s.Failed++
		w.log.Debug("probe failed", "error", r.err)
	}
	w.count(&s, r.err)
	w.status.Store(&s)
}

// count adds a result to the verdict, and tells the node and the log of a change.
func (w *watcher) count(s *Status, err error) {
	changed := w.verdict.add(err == nil)
	s.Up, s.Against, s.Err = w.verdict.up, w.verdict.against, err
	if changed {
		s.Since = time.Now()
		w.node.SetHealth(s.Up)
	}
	switch {
	case changed && s.Up:
		w.log.Info("node is up")
	case changed:
		w.reason = cause(err)
		w.log.Warn("node is down", "reason", err)
	case !s.Up && err != nil && cause(err) != w.reason:
		// Who repairs a node wants to know what is wrong now.
		w.reason = cause(err)
		w.log.Warn("node is still down", "reason", err)
	}
}

// cause is what err comes down to, without the ports and times in which two
// failures of one kind differ.
func cause(err error) string {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	text, _, _ := strings.Cut(err.Error(), ": current time ") // x509 of a certificate that has expired
	return text
}
