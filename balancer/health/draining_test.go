package health

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mqttlb/balancer"
)

var errDraining = &drainingError{"availability check 503"}

// The story of an evacuation, and of a node that dies in it.
func TestNodeDrainsByItsOwnWordAtOnceAndUntilOneGoodAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Check{Interval: 10 * time.Second, Rise: 2, Fall: 3}, 0)
		changes := make(chan Status, 10)
		s.Notify(func(n Status) { changes <- n })
		synctest.Wait()
		probes := 1
		for i, step := range []struct {
			err  error
			want balancer.State
		}{
			{errDraining, balancer.Draining}, {errDraining, balancer.Draining}, {errDead, balancer.Draining}, {errDraining, balancer.Draining},
			{nil, balancer.Up},
			{errDead, balancer.Up}, {errDraining, balancer.Draining},
			{errDead, balancer.Draining}, {errDead, balancer.Draining}, {errDead, balancer.Down},
			{errDraining, balancer.Down}, {errDraining, balancer.Draining},
			{nil, balancer.Up},
		} {
			s.answer(step.err, 0)
			probes++
			s.await(probes)
			if got := s.Status()[0]; got.State != step.want || s.node.Health() != step.want || got.Err != step.err {
				t.Errorf("step %d, %v: %+v, the node is %v; want %v", i, step.err, got, s.node.Health(), step.want)
			}
		}
		if got := s.Status()[0]; got.Draining != 6 || got.Failed != 5 || got.Passed != 3 {
			t.Errorf("%+v, want 6 probes that found it draining, 5 failed, 3 good", got)
		}
		var said []string
		for line := range strings.Lines(s.log.String()) {
			_, what, _ := strings.Cut(strings.TrimSpace(line), "level=")
			said = append(said, strings.ReplaceAll(what, " pool=emqx node=emqx-1 address=127.0.0.1:1883", ""))
		}
		draining := `WARN msg="node is draining" reason="availability check 503"`
		want := []string{draining, `INFO msg="node is up"`, draining, `WARN msg="node is down" reason=dead`, draining, `INFO msg="node is up"`}
		if !slices.Equal(said, want) {
			t.Errorf("said %q, want %q", said, want)
		}
		var told []balancer.State
		for len(changes) > 0 {
			told = append(told, (<-changes).State)
		}
		if !slices.Equal(told, []balancer.State{balancer.Draining, balancer.Up, balancer.Draining, balancer.Down, balancer.Draining, balancer.Up}) {
			t.Errorf("notified are %v", told)
		}
	})
}

// A failed session brings the next probe of a draining node forward: it may have died.
func TestFailedSessionHastensTheProbeOfADrainingNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Check{Interval: time.Hour, Fall: 3}, 0)
		pass(time.Minute)
		s.answer(errDraining, 0)
		s.Failed(s.node)
		pass(3 * time.Second)
		s.Failed(s.node)
		pass(3 * time.Second)
		if s.probes() != 3 || s.node.Health() != balancer.Draining {
			t.Errorf("%d probes, the node is %v; want 3 and draining", s.probes(), s.node.Health())
		}
	})
}

// A wrong key is said once, and again when it is wrong again.
func TestWarningOfAProbeIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Check{Interval: 10 * time.Second, Rise: 1, Fall: 1}, 0)
		s.warn("wrong key")
		pass(time.Minute)
		if got := s.Status()[0]; got.Warning != "wrong key" || got.State != balancer.Up {
			t.Errorf("%+v", got)
		}
		s.answer(errors.New("gone"), 0) // it says nothing of the key
		pass(time.Minute)
		s.answer(nil, 0)
		pass(time.Minute)
		if n := strings.Count(s.log.String(), `level=WARN msg="health probe" pool=emqx node=emqx-1 address=127.0.0.1:1883 warning="wrong key"`); n != 1 {
			t.Errorf("said %d times, want once:\n%s", n, &s.log)
		}
		s.warn("")
		pass(time.Minute)
		if got := s.Status()[0]; got.Warning != "" {
			t.Errorf("%+v", got)
		}
		s.warn("wrong key")
		pass(time.Minute)
		if n := strings.Count(s.log.String(), `warning="wrong key"`); n != 2 {
			t.Errorf("said %d times, want twice:\n%s", n, &s.log)
		}
	})
}
