package health

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mqttlb/balancer"
)

func newPool(t testing.TB, addresses ...string) *balancer.Pool {
	t.Helper()
	spec := balancer.PoolSpec{Name: "emqx"}
	for i, a := range addresses {
		spec.Nodes = append(spec.Nodes, balancer.NodeSpec{Name: fmt.Sprint("emqx-", i+1), Address: a})
	}
	p, err := balancer.NewPool(spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// scripted is a node whose probes end as a test sets. It runs in virtual time, in a
// synctest bubble.
type scripted struct {
	*Checker
	node *balancer.Node
	log  bytes.Buffer

	mu     sync.Mutex
	err    error         // what probes return
	warns  string        // the warning that good ones return
	takes  time.Duration // how long they take
	begins []time.Time   // when they began
}

var errDead = errors.New("dead")

// start runs a checker over one scripted node until the test ends. The node's probes
// succeed and take as long as takes. If check has no Rise, it is 2.
func start(t *testing.T, check Check, takes time.Duration) *scripted {
	s := &scripted{takes: takes}
	check.Probe, check.Rise = MQTT, cmp.Or(check.Rise, 2)
	pool := newPool(t, "127.0.0.1:1883")
	s.node = pool.Nodes()[0]
	s.Checker = NewChecker(slog.New(slog.NewTextHandler(&s.log, nil)))
	s.Checker.probe = s.probe
	s.Apply(pool, check)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { // ends with ctx
		s.Run(ctx)
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return s
}

func (s *scripted) probe(ctx context.Context, _ *prober, _ *balancer.Node) result {
	s.mu.Lock()
	s.begins = append(s.begins, time.Now())
	err, takes, warning := s.err, s.takes, s.warns
	s.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		err = ctx.Err()
	}
	if stateOf(err) == balancer.Down {
		warning = ""
	}
	return result{took: takes, err: err, warning: warning}
}

func (s *scripted) answer(err error, takes time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.takes = err, takes
}

func (s *scripted) warn(warning string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warns = warning
}

func (s *scripted) probes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.begins)
}

func (s *scripted) begin(i int) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begins[i]
}

// pass lets virtual time pass, then waits until all goroutines rest.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// await lets virtual time pass until the nth probe has ended.
func (s *scripted) await(n int) {
	for s.probes() < n {
		pass(100 * time.Millisecond)
	}
}
