package health

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"mqttlb/balancer"
)

// Checker probes the nodes of the pools of one name: of the newest pool that was
// applied.
type Checker struct {
	log     *slog.Logger
	probe   probeFunc
	current atomic.Pointer[generation]
	applied chan struct{} // current has changed
}

// generation is the watchers of the nodes of one pool. It is immutable.
type generation struct {
	watchers []*watcher // in the order of the pool
	byName   map[string]watched
	probing  bool // Probe is not None
}

// watched is a node and its watcher.
type watched struct {
	node    *balancer.Node
	watcher *watcher
}

// Status is what is known of a node's health.
type Status struct {
	Node    *balancer.Node
	Up      bool
	Since   time.Time // when Up changed last; zero: never
	Against int       // results in a row against Up; at Rise or Fall it changes

	Last   time.Time     // when the last one ended; zero: none has
	Took   time.Duration // to the verdict of the last one
	Passed uint64
	Failed uint64

	Err error // of the last probe; nil: it went well
}

// NewChecker returns a checker that has no nodes until Apply. It begins with Run.
func NewChecker(log *slog.Logger) *Checker {
	c := &Checker{log: log, applied: make(chan struct{}, 1)}
	c.probe = func(ctx context.Context, p *prober, n *balancer.Node) result { return p.probe(ctx, n) }
	c.current.Store(new(generation))
	return c
}

// Apply goes on with the nodes of another pool, and with another check. A node whose
// name and address stay keeps its verdict, counts and schedule, and is probed as check
// says from the next probe on; a shorter interval counts at once. A node that is new
// begins as up. A node that is gone is probed no more. Where Probe is None, every node
// is up.
//
// Apply may be called before Run and beside it, from one goroutine at a time.
func (c *Checker) Apply(pool *balancer.Pool, check Check) {
	last := c.current.Load()
	next := &generation{byName: make(map[string]watched), probing: check.Probe != None}
	for _, n := range pool.Nodes() {
		w := last.byName[n.Name].watcher
		if !last.probing || !next.probing || w == nil || w.address != n.Address {
			w = c.newWatcher(pool.Name, n)
		}
		next.watchers = append(next.watchers, w)
		next.byName[n.Name] = watched{n, w}
	}
	for _, w := range last.watchers {
		if next.byName[w.name].watcher != w {
			w.stop()
		}
	}
	for _, n := range pool.Nodes() {
		next.byName[n.Name].watcher.apply(n, check)
	}
	c.current.Store(next)
	select {
	case c.applied <- struct{}{}:
	default: // Run is about to look
	}
}

// Run probes until ctx is done, and returns when every probe has ended. It is
// called once.
func (c *Checker) Run(ctx context.Context) {
	var watching sync.WaitGroup
	defer watching.Wait()
	for {
		current := c.current.Load()
		for _, w := range current.watchers {
			if current.probing && !w.started {
				w.started = true
				// Ends with ctx, or when Apply stops it.
				watching.Go(func() { w.watch(ctx) })
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-c.applied:
		}
	}
}

// Failed says that a session could not connect to n. The next probe then comes soon,
// since sessions find a dead node before probes do, but probes alone decide: three
// sessions that failed say little where thousands did not. However many fail, one
// probe a second comes of them. Failed does nothing for a node that is down already,
// whose way back up is not hastened, for one of another pool, and where Probe is None.
// A node of a pool that was replaced counts as the node that replaced it (see
// [balancer.Node.Same]). Failed never blocks and allocates nothing: event loops call it.
func (c *Checker) Failed(n *balancer.Node) {
	current := c.current.Load()
	if !current.probing {
		return
	}
	if w, ok := current.byName[n.Name]; ok && w.node.Same(n) && n.Healthy() {
		w.watcher.sessionFailed()
	}
}

// Status returns what is known now, in the order of the pool's Nodes.
func (c *Checker) Status() []Status {
	watchers := c.current.Load().watchers
	all := make([]Status, len(watchers))
	for i, w := range watchers {
		all[i] = w.report()
	}
	return all
}
