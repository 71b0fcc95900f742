package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mqttlb/balancer"
)

func TestFirstProbeComesAtOnceAndTheOthersJittered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		s := start(t, Check{Interval: 10 * time.Second}, 0)
		synctest.Wait()
		if first := s.begin(0); s.probes() != 1 || !first.Equal(begun) {
			t.Fatalf("first probe at %v, started at %v", first, begun)
		}
		pass(1000 * time.Second)
		pauses := make(map[time.Duration]bool)
		s.mu.Lock()
		defer s.mu.Unlock()
		for i := range len(s.begins) - 1 {
			pause := s.begins[i+1].Sub(s.begins[i])
			if pause < 8*time.Second || pause > 12*time.Second {
				t.Errorf("pause %v, want 10s ± 20 %%", pause)
			}
			pauses[pause] = true
		}
		if len(pauses) < 50 {
			t.Errorf("%d different pauses among %d: no jitter", len(pauses), len(s.begins)-1)
		}
	})
}

func TestNodeFallsAndRises(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Check{Interval: 10 * time.Second, Rise: 2, Fall: 3}, 0)
		synctest.Wait()
		s.answer(errDead, 0)
		s.await(2)
		if got := s.Status()[0]; s.node.Health() != balancer.Up || got.Against != 1 || got.Failed != 1 || got.Err != errDead {
			t.Errorf("after one bad probe: %+v", got)
		}
		s.await(3)
		if s.node.Health() != balancer.Up {
			t.Error("down after two bad probes")
		}
		s.await(4)
		if s.node.Health() == balancer.Up {
			t.Error("up after three bad probes")
		}
		s.answer(nil, 0)
		s.await(5)
		if s.node.Health() == balancer.Up {
			t.Error("up after one good probe")
		}
		s.await(6)
		if s.node.Health() != balancer.Up {
			t.Error("down after two good probes")
		}
		// Suspicion brings probes of a node that is up forward, but not those of a node
		// that is down.
		for i, want := range []time.Duration{10, 1, 1, 10, 10} {
			want *= time.Second
			pause := s.begin(i + 1).Sub(s.begin(i))
			if pause < want*8/10 || pause > want*12/10 {
				t.Errorf("pause %v after probe %d, want %v ± 20 %%", pause, i+1, want)
			}
		}
		log := s.log.String()
		if strings.Count(log, "node is down") != 1 || strings.Count(log, "node is up") != 1 || strings.Count(log, "\n") != 2 {
			t.Errorf("log:\n%s", log)
		}
		for _, want := range []string{"pool=emqx", "node=emqx-1", "address=127.0.0.1:1883", "reason=dead"} {
			if !strings.Contains(log, want) {
				t.Errorf("the log does not say %s:\n%s", want, log)
			}
		}
	})
}

// A dead machine may come back with a wrong certificate: the log must give the new reason.
func TestNodeThatIsDownForAnotherReasonIsSaidToBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Check{Interval: 10 * time.Second, Rise: 2, Fall: 1}, 0)
		synctest.Wait()
		for probe, err := range []error{
			fmt.Errorf("from port 1: %w", errDead), fmt.Errorf("from port 2: %w", errDead), errors.New("TLS: expired: current time 1 is after 0"), errors.New("TLS: expired: current time 2 is after 0"), nil, errDead,
		} {
			s.answer(err, 0)
			s.await(probe + 2)
		}
		var said []string
		for line := range strings.Lines(s.log.String()) {
			_, what, _ := strings.Cut(line, "msg=")
			said = append(said, strings.ReplaceAll(what, " pool=emqx node=emqx-1 address=127.0.0.1:1883", ""))
		}
		want := []string{"\"node is down\" reason=\"from port 1: dead\"\n", "\"node is still down\" reason=\"TLS: expired: current time 1 is after 0\"\n", "\"node is still down\" reason=dead\n"}
		if !slices.Equal(said, want) {
			t.Errorf("said %q, want %q", said, want)
		}
	})
}

// Three failed sessions among thousands say nothing about a node whose probes succeed.
func TestFailedSessionsTakeNoNodeDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Check{Interval: 10 * time.Second, Fall: 1}, 0)
		for range 1000 {
			s.Failed(s.node)
			pass(10 * time.Millisecond)
		}
		if got := s.Status()[0]; s.node.Health() != balancer.Up || got.State != balancer.Up || got.Against != 0 || got.Failed != 0 || got.Err != nil {
			t.Errorf("after 1,000 sessions that failed: %+v", got)
		}
		if log := s.log.String(); log != "" {
			t.Errorf("log:\n%s", log)
		}
	})
}

func TestFailedSessionHastensTheNextProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Check{Interval: time.Hour, Fall: 3}, 0)
		pass(time.Minute)
		if s.probes() != 1 {
			t.Fatalf("%d probes", s.probes())
		}
		s.Failed(s.node)
		synctest.Wait()
		if s.probes() != 2 {
			t.Errorf("%d probes, want the second at once", s.probes())
		}
		pass(time.Minute)
		if s.probes() != 2 {
			t.Errorf("%d probes: a good one does not end the haste", s.probes())
		}
	})
}

// Thousands of failed sessions do not cause thousands of probes.
func TestStormOfFailedSessionsIsNoStormOfProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Check{Interval: time.Hour, Fall: 3}, 0)
		for range 10_000 {
			pass(time.Millisecond)
			s.Failed(s.node)
		}
		if n := s.probes(); n < 8 || n > 14 {
			t.Errorf("%d probes within 10s, want one each 1s ± 20 %%", n)
		}
	})
}

func TestSessionsHastenTheEndOfADeadNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Check{Interval: time.Hour, Fall: 3}, 0)
		pass(time.Minute)
		s.answer(errDead, 0)
		s.Failed(s.node) // the last one: from here on failed probes keep the node under suspicion
		pass(3 * time.Second)
		if s.node.Health() == balancer.Up {
			t.Errorf("up: %+v", s.Status()[0])
		}
	})
}

func TestSessionThatFailsWhileAProbeWaitsHastensTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Check{Interval: time.Hour, Fall: 3}, 500*time.Millisecond)
		synctest.Wait() // the first probe is running
		s.Failed(s.node)
		pass(2 * time.Second)
		if s.probes() != 2 {
			t.Errorf("%d probes, want 2", s.probes())
		}
	})
}

func TestFailedSessionsDoNotHastenTheWayUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Check{Interval: 10 * time.Second, Rise: 2, Fall: 1}, 0)
		synctest.Wait()
		s.answer(errDead, 0)
		s.await(2)
		s.answer(nil, 0)
		for range 100 {
			s.Failed(s.node)
			pass(10 * time.Millisecond)
		}
		if s.probes() != 2 {
			t.Errorf("%d probes, want none before the interval is over", s.probes())
		}
		s.await(4)
		if s.node.Health() != balancer.Up {
			t.Errorf("down after two good probes: %+v", s.Status()[0])
		}
	})
}

func TestRunWaitsForItsProbesAndForgetsThoseCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended sync.WaitGroup
		pool := newPool(t, "127.0.0.1:1", "127.0.0.1:2")
		c := NewChecker(slog.New(slog.DiscardHandler))
		c.probe = func(ctx context.Context, _ *prober, _ *balancer.Node) result {
			<-ctx.Done()
			<-time.After(time.Second) // a broker that is slow to close
			return result{err: ctx.Err()}
		}
		c.Apply(pool, Check{Probe: MQTT, Interval: time.Hour, Timeout: time.Hour, Rise: 1, Fall: 1})
		ctx, cancel := context.WithCancel(t.Context())
		begun := time.Now()
		ended.Go(func() { c.Run(ctx) })
		synctest.Wait()
		cancel()
		ended.Wait()
		if time.Since(begun) != time.Second {
			t.Errorf("Run returned after %v, its probes end after 1s", time.Since(begun))
		}
		for _, s := range c.Status() {
			if s.State != balancer.Up || s.Err != nil {
				t.Errorf("a probe that was cut short counts: %+v", s)
			}
		}
	})
}

func TestWithoutProbesNodesStayUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, "127.0.0.1:1")
		c := NewChecker(slog.New(slog.DiscardHandler))
		c.Apply(pool, Check{Probe: None, Fall: 1})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { c.Run(ctx) })
		c.Failed(pool.Nodes()[0])
		pass(time.Hour)
		if pool.Nodes()[0].Health() != balancer.Up {
			t.Error("down, and nothing would bring it up again")
		}
		cancel()
		running.Wait()
	})
}

func TestFailedOfAnotherPoolsNodeIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Check{Interval: time.Hour, Fall: 1}, 0)
		synctest.Wait()
		other := newPool(t, "127.0.0.1:1", "127.0.0.1:2")
		s.Failed(other.Nodes()[0])
		s.Failed(other.Nodes()[1])
		synctest.Wait()
		if s.node.Health() != balancer.Up || other.Nodes()[0].Health() != balancer.Up {
			t.Error("it counted")
		}
	})
}

func TestFailedAllocatesNothing(t *testing.T) {
	pool := newPool(t, "127.0.0.1:1")
	c := NewChecker(slog.New(slog.DiscardHandler))
	c.Apply(pool, Check{Probe: TCP, Fall: 3})
	if allocs := testing.AllocsPerRun(100, func() { c.Failed(pool.Nodes()[0]) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestWordsOfTheConfiguration(t *testing.T) {
	for _, p := range []Probe{None, TCP, MQTT, HTTP, EMQX} {
		if got, err := ParseProbe(p.String()); err != nil || got != p {
			t.Errorf("%v reads back as %v, %v", p, got, err)
		}
	}
	if s := (EMQX | MQTT).String(); s != "mqtt and emqx" {
		t.Errorf("both are %q", s)
	}
	if _, err := ParseProbe("icmp"); err == nil {
		t.Error("icmp is no probe")
	}
}

func TestChangesAreNotified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Check{Interval: 10 * time.Second, Rise: 1, Fall: 1}, 0)
		changes := make(chan Status, 10)
		s.Notify(func(n Status) { changes <- n })
		synctest.Wait()
		s.answer(errDead, 0)
		pass(time.Minute)
		s.answer(nil, 0)
		pass(time.Minute)
		if len(changes) != 2 {
			t.Fatalf("%d changes are notified, want down and up", len(changes))
		}
		if n := <-changes; n.State != balancer.Down || n.Err != errDead || n.Node != s.node || n.Since.IsZero() {
			t.Errorf("down: %+v", n)
		}
		if n := <-changes; n.State != balancer.Up || n.Err != nil {
			t.Errorf("up: %+v", n)
		}
	})
}
