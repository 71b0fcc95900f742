package nodeset

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"mqttlb/balancer/dns"
)

// watched is a source that is watched.
type watched struct {
	Source
	sets *Sets
	log  *slog.Logger
	wake chan struct{} // look it up now

	// Only one look-up at a time uses these fields: that of Resolve, and then those of Run.
	names names // of DNS
	file  fileReads
	retry time.Duration
	next  time.Time // of the next look-up

	// The mutex of sets guards the fields below.
	emptyGrace time.Duration
	parse      func([]byte) ([]Node, error)
	again      bool // the file is parsed again even if it has not changed
	set        Set
	lastGood   time.Time
	changes    uint64
	failures   uint64
	err        error
	since      time.Time
	empty      time.Time
}

func newWatched(s *Sets, source Source) *watched {
	return &watched{Source: source, sets: s, wake: make(chan struct{}, 1), log: s.log.With("pool", source.Pool, "source", source.String())}
}

func (w *watched) status() Status {
	return Status{
		Source: w.Source, Set: w.set, LastGood: w.lastGood, Changes: w.changes, Failures: w.failures, Err: w.err, Since: w.since,
		Empty: w.empty, Ignored: !w.empty.IsZero() && len(w.set.Nodes) > 0,
	}
}

// run looks the set up again and again until ctx is done.
func (w *watched) run(ctx context.Context) {
	timer := time.NewTimer(time.Until(w.next))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-w.wake:
		}
		w.lookUp(ctx)
		timer.Reset(time.Until(w.next))
	}
}

// lookUp looks the set up once, and decides when it does so again.
func (w *watched) lookUp(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, lookupTimeout)
	nodes, ttl, err := w.answer(limited)
	cancel()
	if ctx.Err() != nil {
		return // canceled: not an answer
	}
	switch {
	case errors.Is(err, errUnchanged):
		w.next = time.Now().Add(ttl)
		return
	case err == nil && len(nodes) > MaxNodes:
		err = fmt.Errorf("the answer has %d nodes; at most %d are possible", len(nodes), MaxNodes)
	}
	switch {
	case err == nil && len(nodes) > 0:
		w.retry = 0
	case w.Kind != File: // empty or failed: that may end before the TTL does
		ttl = w.nextRetry()
	}
	if w.Kind != File { // replicas that were started together do not ask together for ever
		ttl -= rand.N(ttl/10 + 1)
	}
	w.next = time.Now().Add(ttl)
	w.store(nodes, err)
}

// nextRetry returns the time to the next look-up after one that has failed.
func (w *watched) nextRetry() time.Duration {
	w.retry = min(max(2*w.retry, firstRetry), lastRetry)
	return w.retry
}

// answer asks the source. The nodes are sorted by name; none: there is none.
func (w *watched) answer(ctx context.Context) (nodes []Node, ttl time.Duration, err error) {
	switch w.Kind {
	case DNS:
		nodes, ttl, err = w.byAddress(ctx)
	case SRV:
		nodes, ttl, err = w.byService(ctx)
	case File:
		return w.byFile()
	}
	if errors.Is(err, dns.ErrNoRecords) {
		return nil, ttl, nil
	}
	return nodes, ttl, err
}

// store keeps an answer.
func (w *watched) store(nodes []Node, err error) {
	s, now := w.sets, time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !w.set.Known
	w.set.Known = true
	switch {
	case err != nil:
		w.failed(now, err)
		if first {
			s.signal() // clients do not wait for an answer any more
		}
		return
	case w.err != nil:
		w.log.Info("the nodes of the pool are found again", "nodes", len(nodes))
		w.err, w.since = nil, time.Time{}
	}
	if len(nodes) == 0 && w.ignoresEmpty(now) {
		return
	}
	if len(nodes) > 0 {
		w.empty = time.Time{}
	}
	w.lastGood = now
	if !first && sameNodes(nodes, w.set.Nodes) {
		return
	}
	w.set.Nodes = nodes
	w.changes++
	s.signal()
}

// failed notes an error. The set stays: a resolver that fails must not cost the balancer its known brokers.
func (w *watched) failed(now time.Time, err error) {
	w.failures++
	if w.err == nil {
		w.since = now
	}
	// Log an error once, not for each look-up.
	if w.err == nil || w.err.Error() != err.Error() {
		if kept := len(w.set.Nodes); kept > 0 {
			w.log.Warn("the nodes of the pool are not found: those that are known stay", "error", err, "kept", kept)
		} else {
			w.log.Warn("the nodes of the pool are not found, and none is known", "error", err)
		}
	}
	w.err = err
}

// ignoresEmpty reports whether an answer without nodes is ignored for now.
func (w *watched) ignoresEmpty(now time.Time) bool {
	if w.empty.IsZero() {
		w.empty = now
		if kept := len(w.set.Nodes); kept > 0 {
			w.log.Warn("the source says that the pool has no nodes: those that are known stay for a while", "empty_grace", w.emptyGrace, "kept", kept)
		} else {
			w.log.Warn("the source says that the pool has no nodes, and none is known")
		}
	}
	return len(w.set.Nodes) > 0 && now.Sub(w.empty) < w.emptyGrace
}
