package health

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mqttlb/balancer"
)

// probeFunc probes a node. It returns within the Check's Timeout, and when ctx is done.
type probeFunc func(ctx context.Context, p *prober, n *balancer.Node) result

// result is the result of a probe.
type result struct {
	took time.Duration // to the verdict
	err  error         // nil: the node is up; otherwise its state is stateOf(err)

	// warning says why the probe knows less than it should; empty: it does not. Valid only
	// if the node is not down.
	warning string

	at []atAddress // at each address, if the node has several
}

// isShort reports whether the probe has found nothing out, because a resource of this host had run out.
func (r *result) isShort() bool { return balancer.ShortageOf(r.err) != balancer.NoShortage }

// watcher keeps the verdict on one address of a node while the pools of its checker are
// replaced.
type watcher struct {
	name, address string // of the node
	probe         probeFunc
	tag           string                    // of the client identifiers of the probes
	offer         offer                     // only the running probe uses it
	offers        map[netip.AddrPort]*offer // as offer
	log           *slog.Logger
	notify        *atomic.Pointer[func(Status)] // of the checker
	reason        string                        // last logged reason for not being up, from cause; only watch uses it
	warned        string                        // last logged warning; only watch uses it
	short         bool                          // the last probe could not be made; only watch uses it
	started       bool                          // only Run uses it

	failed  chan struct{} // a session could not connect
	changed chan struct{} // the interval has changed
	stopped chan struct{} // closed by stop

	mu      sync.Mutex // guards the fields below
	node    *balancer.Node
	check   Check
	verdict verdict
	status  Status // without its Node and Addresses
	addrs   addressWatch
}

// newWatcher returns a watcher of a node that starts as up. Call apply before watch.
func (c *Checker) newWatcher(pool string, n *balancer.Node) *watcher {
	return &watcher{
		name: n.Name, address: n.Address, probe: c.probe, tag: newTag(),
		notify:  &c.notify,
		log:     c.log.With("pool", pool, "node", n.Name, "address", n.Address),
		failed:  make(chan struct{}, 1),
		changed: make(chan struct{}, 1),
		stopped: make(chan struct{}),
		offers:  map[netip.AddrPort]*offer{},
	}
}

// apply replaces the node and the check, and sets the node's health to the verdict.
func (w *watcher) apply(n *balancer.Node, check Check) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if check.Interval != w.check.Interval {
		select {
		case w.changed <- struct{}{}:
		default: // watch already has a signal
		}
	}
	w.node, w.check = n, check
	w.verdict.rise, w.verdict.fall = check.Rise, check.Fall
	n.SetHealth(w.verdict.state)
	if len(w.addrs.order) > 0 {
		n.SetBadAddrs(w.addrs.bad())
	}
}

// stop ends watch and a running probe. The watcher no longer changes its node.
func (w *watcher) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.stopped)
}

func (w *watcher) isStopped() bool {
	select {
	case <-w.stopped:
		return true
	default:
		return false
	}
}

func (w *watcher) sessionFailed() {
	select {
	case w.failed <- struct{}{}:
	default: // watch already has a signal
	}
}

// watch probes the node until ctx is done or the watcher is stopped, and returns when the
// last probe has ended. A probe runs in its own goroutine, so that watch can react while
// the probe waits for an answer.
func (w *watcher) watch(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	results := make(chan result, 1)
	probing, hastened := false, false
	defer func() {
		cancel()
		if probing {
			<-results
		}
	}()
	var begun time.Time
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.stopped:
			return
		case <-next.C:
			probing, hastened, begun = true, false, time.Now()
			// Ends at the timeout or with ctx; watch waits for its result.
			go w.runProbe(ctx, results)
		case r := <-results:
			probing = false
			if ctx.Err() != nil {
				return // canceled: not a result
			}
			w.record(r)
			next.Reset(w.pause(begun, hastened))
		case <-w.failed:
			// One failed session is enough to bring the next probe forward.
			if !hastened && !probing {
				next.Reset(w.pause(begun, true))
			}
			hastened = true
		case <-w.changed:
			if !begun.IsZero() && !probing {
				next.Reset(w.pause(begun, hastened))
			}
		}
	}
}

func (w *watcher) runProbe(ctx context.Context, results chan<- result) {
	w.mu.Lock()
	n, p := w.node, &prober{check: w.check, tag: w.tag, offer: &w.offer, offers: w.offers}
	w.mu.Unlock()
	p.clientID = newClientID(cmp.Or(p.check.ClientID, defaultClientID), w.tag, n)
	results <- w.probe(ctx, p, n)
}

// pause returns the time until the next probe, when the last one began at begun. The time
// is short if a session has failed to connect since.
func (w *watcher) pause(begun time.Time, hastened bool) time.Duration {
	w.mu.Lock()
	interval, suspect := w.check.Interval, w.verdict.state != balancer.Down && (hastened || w.verdict.against > 0 || w.addrs.suspect())
	w.mu.Unlock()
	if suspect {
		interval = min(interval, fastInterval)
	}
	interval += time.Duration((2*rand.Float64() - 1) * jitter * float64(interval))
	return time.Until(begun.Add(interval))
}

// record adds a result to the verdict. It sets the node's health and logs a line if the
// verdict changed.
func (w *watcher) record(r result) {
	state, changed, ok := w.addResult(r)
	if !ok {
		return
	}
	w.recordAddresses(r.at)
	if notify := w.notify.Load(); changed && notify != nil {
		(*notify)(w.report())
	}
	found := stateOf(r.err)
	if r.isShort() {
		w.logShort(r.err)
		return
	}
	w.short = false
	if found == balancer.Down {
		w.log.Debug("probe failed", "error", r.err)
	} else if r.warning != w.warned {
		if w.warned = r.warning; r.warning != "" {
			w.log.Warn("health probe", "warning", r.warning)
		}
	}
	if changed && state == balancer.Up {
		w.log.Info("node is up")
		return
	}
	// Log a new reason, too: whoever repairs the node needs the current one.
	if r.err == nil || found != state || !changed && cause(r.err) == w.reason {
		return
	}
	w.reason = cause(r.err)
	switch {
	case changed && state == balancer.Draining:
		w.log.Warn("node is draining", "reason", r.err)
	case changed:
		w.log.Warn("node is down", "reason", r.err)
	case state == balancer.Draining:
		w.log.Warn("node is still draining", "reason", r.err)
	default:
		w.log.Warn("node is still down", "reason", r.err)
	}
}

// logShort logs the first of a series of probes that could not be made.
func (w *watcher) logShort(err error) {
	if !w.short {
		w.log.Warn("a health probe could not be made, which says nothing about the node: this host is short of ports, descriptors or memory, or has no source address for it", "error", err)
	}
	w.short = true
}

// addResult adds a result to the verdict and sets the node's health if it changed. ok is
// false if the watcher is stopped.
func (w *watcher) addResult(r result) (state balancer.State, changed, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isStopped() {
		return 0, false, false
	}
	s := &w.status
	if r.isShort() {
		s.Short++
		s.Warning = "the last probe could not be made: " + r.err.Error()
		return s.State, false, true
	}
	s.Last, s.Took, s.Err = time.Now(), r.took, r.err
	found := stateOf(r.err)
	switch found {
	case balancer.Up:
		s.Passed++
	case balancer.Draining:
		s.Draining++
	case balancer.Down:
		s.Failed++
	}
	if s.Warning = ""; found != balancer.Down {
		s.Warning = r.warning
	}
	changed = w.verdict.add(found, isSilent(r.err))
	s.State, s.Against = w.verdict.state, w.verdict.against
	if changed {
		s.Since = s.Last
		w.node.SetHealth(s.State)
	}
	return s.State, changed, true
}

// report returns the current status of the node.
func (w *watcher) report() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.status
	s.Node = w.node
	s.Addresses = w.addrs.report()
	return s
}

// cause returns the text of err without the ports and times that differ between two
// failures of the same kind.
func cause(err error) string {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	if all, ok := err.(balancer.AddrErrors); ok { //nolint:errorlint // it is not wrapped any more
		var causes strings.Builder
		for _, at := range all {
			causes.WriteString(at.Addr.String() + ": " + cause(at.Err) + "; ")
		}
		return causes.String()
	}
	text, _, _ := strings.Cut(err.Error(), ": current time ") // crypto/x509 appends the time to the error for an expired certificate
	return text
}
