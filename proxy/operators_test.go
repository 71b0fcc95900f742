package proxy

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// Drains, kicks, lists, counters, checks and reloads meet the same sessions at the same time, and the
// stop meets all of them. Each session ends once, and no counter goes wrong.
func TestOperatorsActAtTheSameTime(t *testing.T) {
	proxytest.WaitAbreast(t)
	a, b := startNode(t, nil), startNode(t, nil)
	r := startShortWaits(t, []string{a.address(), b.address()}, removedAt(20), closeDown(20))
	over := make(chan struct{})
	end := sync.OnceFunc(func() { close(over) })
	var working sync.WaitGroup
	repeat := func(f func(i int)) {
		working.Go(func() { // ends with over
			for i := 0; ; i++ {
				select {
				case <-over:
					return
				default:
					f(i)
				}
			}
		})
	}
	for client := range 4 {
		var open []net.Conn
		repeat(func(i int) {
			if c, err := mqttToMQTT.connect(r.srv.Addr("mqtt"), fmt.Sprint(client, "-", i)); err == nil { // else it was told to leave at once
				open = append(open, c)
			}
			if len(open) > 50 {
				_ = open[0].Close()
				open = open[1:]
			}
		})
		t.Cleanup(func() {
			end()
			working.Wait()
			for _, c := range open {
				_ = c.Close()
			}
		})
	}
	repeat(func(i int) {
		f := &SessionFilter{ClientID: TextPattern{fmt.Sprint(i % 4), true}}
		if _, err := r.srv.Kick(t.Context(), f, KickSpec{PerSecond: 500}); err != nil && !errors.Is(err, ErrStopping) {
			t.Error(err)
		}
	})
	repeat(func(int) {
		_ = r.srv.Stats()
		_ = r.srv.Drains()
		if _, err := r.srv.Sessions(t.Context(), nil, ByAge, 10); err != nil && !errors.Is(err, ErrStopping) {
			t.Error(err)
		}
	})
	check := func() {
		if _, faults := r.srv.Check(t.Context()); len(faults) > 0 {
			t.Errorf("faults %q", faults)
		}
	}
	repeat(func(int) { check() })
	taken := func(node int) {
		eventually(t, "sessions", func() bool { return r.node(node).Open() > 10 })
	}
	more := func(o outcome.Outcome) {
		before := r.outcomes(o)
		eventually(t, o.String(), func() bool { return r.outcomes(o) > before })
		check()
	}
	for i := range 3 {
		taken(0)
		r.drain(0, Pace{PerSecond: 20})
		r.apply(writeWithin(time.Duration(i%2) * time.Minute))
		more(outcome.Drained)
		more(outcome.Kicked)
		r.srv.CancelDrain("node-a")
		r.node(0).SetOperator(balancer.Up)
		taken(0)
		r.node(0).SetHealth(balancer.Down)
		more(outcome.NodeDown)
		r.node(0).SetHealth(balancer.Up)
		taken(1)
		r.apply(r.on(a.address(), "")) // the sessions of the other node leave
		more(outcome.Drained)
		r.apply(r.on(a.address(), b.address()))
	}
	r.apply(func(s *snapshot.Snapshot) { s.Timeouts.Shutdown = 300 * time.Millisecond })
	r.stop()
	end()
	working.Wait()
}
