package health

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mqttlb/balancer"
)

func TestNodeThatStaysKeepsItsVerdictAndItsSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFleet(t)
		f.answers("a:1", badly)
		f.Apply(f.pool(t, "a=a:1", "b=b:1"), every(time.Hour))
		synctest.Wait()
		before := f.Status()
		f.taken()
		pass(time.Minute)

		pool := f.pool(t, "c=c:1", "b=b:1", "a=a:1")
		f.Apply(pool, every(time.Hour))
		synctest.Wait()
		if got := f.taken(); !slices.Equal(got, []string{"c c:1 1h0m0s"}) {
			t.Errorf("probed are %v", got)
		}
		status := f.Status()
		for i, n := range pool.Nodes() {
			if status[i].Node != n {
				t.Errorf("status %d is of %s", i, status[i].Node.Name)
			}
		}
		for i, old := range []Status{before[1], before[0]} {
			got := status[i+1]
			if got.Node = old.Node; fmt.Sprint(got) != fmt.Sprint(old) {
				t.Errorf("%s: %+v, want %+v", old.Node.Name, got, old)
			}
		}
		if pool.Nodes()[2].Health() == balancer.Up || pool.Nodes()[1].Health() != balancer.Up || pool.Nodes()[0].Health() != balancer.Up {
			t.Error("the nodes do not have the verdict")
		}

		f.answers("a:1", well)
		pass(3 * time.Hour)
		if n := pool.Nodes()[2]; n.Health() != balancer.Up || f.Status()[2].State != balancer.Up || f.Status()[2].Passed < 2 {
			t.Errorf("the watcher does not work on the new node: %+v", f.Status()[2])
		}
		if n := strings.Count(f.log.String(), "\n"); n != 2 {
			t.Errorf("log:\n%s", &f.log)
		}
	})
}

func TestShorterIntervalCountsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFleet(t)
		f.Apply(f.pool(t, "a=a:1"), every(time.Hour))
		pass(time.Minute)
		f.taken()
		f.Apply(f.pool(t, "a=a:1"), every(time.Second))
		synctest.Wait()
		if got := f.taken(); !slices.Equal(got, []string{"a a:1 1s"}) {
			t.Fatalf("probed are %v", got)
		}
		pass(1300 * time.Millisecond)
		if got := f.taken(); len(got) != 1 {
			t.Errorf("probed are %v within the new interval", got)
		}
	})
}

func TestNewRiseAndFallCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFleet(t)
		f.answers("a:1", badly)
		check := every(10 * time.Second)
		check.Fall = 100
		f.Apply(f.pool(t, "a=a:1"), check)
		pass(5 * time.Second)
		pool := f.pool(t, "a=a:1")
		check.Fall, check.Rise = 2, 3
		f.Apply(pool, check)
		pass(2 * time.Second)
		if pool.Nodes()[0].Health() == balancer.Up {
			t.Errorf("up: %+v", f.Status()[0])
		}
		f.answers("a:1", well)
		pass(22 * time.Second)
		if pool.Nodes()[0].Health() == balancer.Up {
			t.Errorf("up before the third good probe: %+v", f.Status()[0])
		}
		pass(20 * time.Second)
		if pool.Nodes()[0].Health() != balancer.Up {
			t.Errorf("down: %+v", f.Status()[0])
		}
	})
}

func TestNodeThatIsGoneIsProbedNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFleet(t)
		f.answers("b:1", never)
		f.Apply(f.pool(t, "a=a:1", "b=b:1", "c=c:1"), every(time.Hour))
		synctest.Wait()
		f.Apply(f.pool(t, "a=a:1"), every(time.Hour))
		synctest.Wait()
		if f.cut != 1 {
			t.Error("the probe of the node that is gone goes on")
		}
		f.taken()
		pass(10 * time.Hour)
		if got := slices.Compact(f.taken()); !slices.Equal(got, []string{"a a:1 1h0m0s"}) {
			t.Errorf("probed are %v", got)
		}
		if got := f.Status(); len(got) != 1 || got[0].Node.Name != "a" {
			t.Errorf("status of %d nodes", len(got))
		}
		if f.log.Len() > 0 {
			t.Errorf("log:\n%s", &f.log)
		}
	})
}

func TestNodeAtAnotherAddressBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFleet(t)
		f.answers("a:1", badly)
		f.answers("a:2", never)
		old := f.pool(t, "a=a:1").Nodes()[0]
		f.Apply(f.pool(t, "a=a:1"), every(time.Hour))
		synctest.Wait()
		moved := f.pool(t, "a=a:2")
		f.Apply(moved, every(time.Hour))
		synctest.Wait()
		if s := f.Status()[0]; moved.Nodes()[0].Health() != balancer.Up || s.State != balancer.Up || s.Failed != 0 || old.Health() == balancer.Up {
			t.Errorf("the new address: %+v; the old one is healthy: %v", s, old.Health() == balancer.Up)
		}
		f.answers("a:1", never)
		f.Apply(f.pool(t, "a=a:1"), every(time.Hour))
		if old.Health() != balancer.Up {
			t.Error("the address that has come back did not begin anew")
		}
	})
}

func TestCheckOfNoneStopsTheProbesAndBringsTheNodesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFleet(t)
		f.answers("a:1", badly)
		f.answers("b:1", never)
		f.Apply(f.pool(t, "a=a:1", "b=b:1"), every(time.Second))
		pass(10 * time.Second)
		pool := f.pool(t, "a=a:1", "b=b:1")
		f.Apply(pool, Check{Probe: None})
		synctest.Wait()
		f.taken()
		f.Failed(pool.Nodes()[0])
		pass(time.Hour)
		if got := f.taken(); len(got) != 0 || f.cut != 1 {
			t.Errorf("probed are %v; cut %d", got, f.cut)
		}
		if s := f.Status(); pool.Nodes()[0].Health() != balancer.Up || len(s) != 2 || s[0].State != balancer.Up {
			t.Errorf("a is down: %+v", s)
		}
		f.Apply(pool, every(time.Hour))
		synctest.Wait()
		if got := f.taken(); len(got) != 2 || pool.Nodes()[0].Health() == balancer.Up {
			t.Errorf("probed again are %v, a is healthy: %v", got, pool.Nodes()[0].Health() == balancer.Up)
		}
	})
}

// Sessions hold the nodes of the pool with which they were opened.
func TestFailedSessionOfAnOldNodeHastensTheProbeOfTheNewOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFleet(t)
		old := f.pool(t, "a=a:1", "b=b:1")
		f.Apply(old, every(time.Hour))
		synctest.Wait()
		f.Apply(f.pool(t, "b=b:2", "a=a:1"), every(time.Hour))
		pass(time.Minute)
		f.taken()
		f.Failed(old.Nodes()[0])
		f.Failed(old.Nodes()[1]) // its address is no longer probed
		synctest.Wait()
		if got := f.taken(); !slices.Equal(got, []string{"a a:1 1h0m0s"}) {
			t.Errorf("probed are %v", got)
		}
	})
}

func TestApplyBesideEverythingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFleet(t)
		f.answers("b:1", badly)
		pool := f.pool(t, "a=a:1", "b=b:1")
		var beside sync.WaitGroup
		for range 2 {
			beside.Go(func() {
				for i := range 2000 {
					f.Failed(pool.Nodes()[0])
					if i%10 == 0 {
						f.Status()
						<-time.After(time.Millisecond) // virtual time: Apply and the probes run at the same instant
					}
				}
			})
		}
		generations := [][]string{{"a=a:1", "b=b:1"}, {"b=b:1"}, {"c=c:1", "a=a:1"}, {"a=a:2", "b=b:1"}}
		for i := range 200 {
			check := every(time.Duration(1+i%3) * time.Millisecond)
			if i%7 == 0 {
				check.Probe = None
			}
			f.Apply(f.pool(t, generations[i%len(generations)]...), check)
			<-time.After(time.Millisecond)
		}
		last := f.pool(t, "a=a:1", "b=b:1")
		f.Apply(last, every(time.Second))
		pass(time.Minute)
		beside.Wait()
		status := f.Status()
		if last.Nodes()[0].Health() != balancer.Up || last.Nodes()[1].Health() == balancer.Up || status[0].Passed < 50 || status[1].Failed < 50 {
			t.Errorf("%+v", status)
		}
	})
}
