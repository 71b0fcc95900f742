package health

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"mqttlb/balancer"
)

// Checker probes the nodes of a pool, the pool of the last Apply.
type Checker struct {
	log     *slog.Logger
	probe   probeFunc
	current atomic.Pointer[generation]
	applied chan struct{} // current has changed
	notify  atomic.Pointer[func(Status)]
}

// generation holds the watchers of the nodes of one pool. It is immutable.
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

// Status is the health of a node as its probes show it.
type Status struct {
	Node    *balancer.Node
	State   balancer.State
	Since   time.Time // last change of State; zero: never
	Against int       // results in a row against State; at Rise or Fall it changes

	Last     time.Time     // end of the last probe; zero: no probe yet
	Took     time.Duration // duration of the last probe, to its verdict
	Passed   uint64        // probes that found the node up
	Draining uint64        // probes to which the node said that it wants no new clients
	Failed   uint64
	Short    uint64 // probes that could not be made for want of our own ports, descriptors or memory: no results

	Err     error  // of the last result: why the node is not up; nil: it is
	Warning string // why the probes know less than they should; empty: they do not

	Addresses []AddressStatus // in their order; empty if the node has one, or was not probed yet
}

// NewChecker returns a Checker without nodes. Run starts the probes.
func NewChecker(log *slog.Logger) *Checker {
	c := &Checker{log: log, applied: make(chan struct{}, 1)}
	c.probe = func(ctx context.Context, p *prober, n *balancer.Node) result { return p.probe(ctx, n) }
	c.current.Store(new(generation))
	return c
}

// Apply replaces the pool and the check. A node that keeps its name and address keeps its
// verdict, counts and schedule. The new check holds from the node's next probe on, except
// that a shorter interval holds at once. A new node starts as up. Apply stops the probes
// of a node that is gone. If Probe is None, every node is up.
//
// Apply may be called before and during Run, from one goroutine at a time.
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
	default: // Run already has a signal
	}
}

// Run probes until ctx is done, and returns when every probe has ended. Call it only
// once.
func (c *Checker) Run(ctx context.Context) {
	var watching sync.WaitGroup
	defer watching.Wait()
	for {
		current := c.current.Load()
		for _, w := range current.watchers {
			if current.probing && !w.started {
				w.started = true
				// Ends with ctx or when Apply stops the watcher.
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

// Notify has f called after each change of a node's verdict, in a goroutine that probes the node: f must not
// wait. It replaces the function of an earlier Notify.
func (c *Checker) Notify(f func(Status)) { c.notify.Store(&f) }

// Failed reports that a session could not connect to n. It brings the next probe forward,
// because sessions notice a dead node before probes do. But only probes decide: three
// failed sessions say little where thousands succeeded. However many sessions fail, they
// cause at most one probe a second.
//
// Failed does nothing if n is already down, since probes of a node on its way back are
// not brought forward, if n is in another pool, or if Probe is None. A node of a replaced
// pool counts as its replacement (see [balancer.Node.Same]). Failed never blocks and
// allocates nothing, because event loops call it.
func (c *Checker) Failed(n *balancer.Node) {
	current := c.current.Load()
	if !current.probing {
		return
	}
	if w, ok := current.byName[n.Name]; ok && w.node.Same(n) && n.Health() != balancer.Down {
		w.watcher.sessionFailed()
	}
}

// Status returns the status of each node, in the order of the pool's Nodes.
func (c *Checker) Status() []Status {
	watchers := c.current.Load().watchers
	all := make([]Status, len(watchers))
	for i, w := range watchers {
		all[i] = w.report()
	}
	return all
}
