package health

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mqttlb/balancer"
)

// fleet is a checker whose nodes give the answers that a test sets. It runs in virtual
// time.
type fleet struct {
	*Checker
	registry balancer.Registry
	log      bytes.Buffer

	mu    sync.Mutex
	ways  map[string]way // by address
	asked []string       // every probe, as "name address interval"
	cut   int            // probes that ended with their context
}

// way is how a node answers.
type way int

const (
	well way = iota
	badly
	never
)

func (f *fleet) answers(address string, w way) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ways[address] = w
}

// startFleet runs a checker until the test ends.
func startFleet(t *testing.T) *fleet {
	f := &fleet{ways: make(map[string]way)}
	f.Checker = NewChecker(slog.New(slog.NewTextHandler(&f.log, nil)))
	f.Checker.probe = f.probe
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { // ends with ctx
		defer close(ended)
		f.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return f
}

func (f *fleet) probe(ctx context.Context, p *prober, n *balancer.Node) result {
	f.mu.Lock()
	f.asked = append(f.asked, fmt.Sprint(n.Name, " ", n.Address, " ", p.check.Interval))
	w := f.ways[n.Address]
	f.mu.Unlock()
	switch w {
	case well:
	case badly:
		return result{err: errDead}
	case never:
		<-ctx.Done()
		f.mu.Lock()
		f.cut++
		f.mu.Unlock()
		return result{err: ctx.Err()}
	}
	return result{}
}

// taken returns the probes since the last call, ordered by name.
func (f *fleet) taken() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	taken := slices.Sorted(slices.Values(f.asked))
	f.asked = nil
	return taken
}

// pool makes the next generation of a pool; the nodes are given as name=address.
func (f *fleet) pool(t *testing.T, nodes ...string) *balancer.Pool {
	t.Helper()
	spec := balancer.PoolSpec{Name: "emqx"}
	for _, n := range nodes {
		name, address, _ := strings.Cut(n, "=")
		spec.Nodes = append(spec.Nodes, balancer.NodeSpec{Name: name, Address: address})
	}
	p, err := balancer.NewPool(spec)
	if err != nil {
		t.Fatal(err)
	}
	f.registry.Join(p)
	return p
}

func every(interval time.Duration) Check {
	return Check{Probe: MQTT, Interval: interval, Timeout: time.Hour, Rise: 2, Fall: 1}
}
