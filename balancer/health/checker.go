package health

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"mqttlb/balancer"
)

// Checker probes the nodes of one pool.
type Checker struct {
	check    Check
	watchers []*watcher // by the Index of their nodes
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

// NewChecker returns a checker for the nodes of pool. It begins with Run.
func NewChecker(pool *balancer.Pool, check Check, log *slog.Logger) *Checker {
	c := &Checker{check: check}
	for _, n := range pool.Nodes() {
		p := prober{check: check, clientID: newClientID()}
		c.watchers = append(c.watchers, newWatcher(n, check, p.probe,
			log.With("pool", pool.Name, "node", n.Name, "address", n.Address)))
	}
	return c
}

// Run probes until ctx is done, and returns when every probe has ended. It is
// called once.
func (c *Checker) Run(ctx context.Context) {
	if c.check.Probe == None {
		<-ctx.Done()
		return
	}
	var watching sync.WaitGroup
	for _, w := range c.watchers {
		// Ends with ctx.
		watching.Go(func() { w.watch(ctx) })
	}
	watching.Wait()
}

// Failed says that a session could not connect to n. The next probe then comes soon,
// since sessions find a dead node before probes do, but probes alone decide: three
// sessions that failed say little where thousands did not. However many fail, one
// probe a second comes of them. Failed does nothing for a node that is down already,
// whose way back up is not hastened, for one of another pool, and where Probe is None.
// It never blocks and allocates nothing: event loops call it.
func (c *Checker) Failed(n *balancer.Node) {
	if c.check.Probe == None || n.Index >= len(c.watchers) {
		return
	}
	if w := c.watchers[n.Index]; w.node == n && n.Healthy() {
		w.sessionFailed()
	}
}

// Status returns what is known now, in the order of the pool's Nodes.
func (c *Checker) Status() []Status {
	all := make([]Status, len(c.watchers))
	for i, w := range c.watchers {
		all[i] = *w.status.Load()
	}
	return all
}
