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
	// more has sessions of a node leave until one has the outcome: they may all have ended before, since
	// clients come and go.
	more := func(node int, o outcome.Outcome, leave, stay func()) {
		for before := r.outcomes(o); r.outcomes(o) == before; stay() {
			n := r.node(node)
			eventually(t, "sessions", func() bool { return n.Open() > 10 })
			leave()
			eventually(t, o.String(), func() bool { return r.outcomes(o) > before || n.Open() == 0 })
		}
		check()
	}
	for i := range 3 {
		more(0, outcome.Drained, func() { r.drain(0, Pace{PerSecond: 20}) }, func() {
			r.apply(writeWithin(time.Duration(i%2) * time.Minute))
			r.srv.CancelDrain("node-a")
			r.node(0).SetOperator(balancer.Up)
		})
		more(1, outcome.Kicked, func() {}, func() {})
		more(0, outcome.NodeDown, func() { r.node(0).SetHealth(balancer.Down) }, func() { r.node(0).SetHealth(balancer.Up) })
		more(1, outcome.Drained, func() { r.apply(r.on(a.address(), "")) }, func() { r.apply(r.on(a.address(), b.address())) })
	}
	r.apply(func(s *snapshot.Snapshot) { s.Timeouts.Shutdown = 300 * time.Millisecond })
	r.stop()
	end()
	working.Wait()
}
