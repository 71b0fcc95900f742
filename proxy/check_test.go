package proxy

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// wantAgreement checks that Check finds n sessions, or any number if n is negative, and no fault.
func (r *rig) wantAgreement(when string, n int) {
	r.t.Helper()
	sessions, faults := r.srv.Check(r.t.Context())
	if len(faults) > 0 || n >= 0 && sessions != n {
		r.t.Errorf("%s: %d sessions, want %d; %q", when, sessions, n, faults)
	}
}

// Whatever sessions do meanwhile, counters that agree have no fault.
func TestCheckFindsNoFaultWhileSessionsComeAndGo(t *testing.T) {
	inModesAbreast(t, []mode{mqttToMQTT, wsToMQTT, httpToWS, wssToWSS}, func(t *testing.T, m mode) {
		a, b := m.startNode(t, nil), m.startNode(t, nil)
		r := prepare(t, []string{a.address(), b.address()}, m.set, func(s *snapshot.Snapshot) {
			s.Listeners[0].MaxConnections, s.MaxConnections = 24, 30 // some are refused
		})
		r.srv.waits = shortWaits
		r.run()
		to := r.srv.Addr("mqtt")
		var open []io.Closer
		for i := range 16 {
			c, err := m.connect(to, fmt.Sprint("stays", i))
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, c)
		}
		over := make(chan struct{})
		var clients sync.WaitGroup
		for i := range 12 {
			clients.Go(func() { // ends with over
				for n := 0; ; n++ {
					select {
					case <-over:
						return
					default:
					}
					c, err := m.connect(to, fmt.Sprint("comes and goes", i))
					if err != nil {
						continue // it was refused
					}
					for range n % 3 {
						_ = echoes(c, n, 1000)
					}
					_ = c.Close()
				}
			})
		}
		clients.Go(func() { // ends with over
			f := &SessionFilter{ClientID: TextPattern{"comes", true}}
			for {
				select {
				case <-over:
					return
				default:
				}
				if _, err := r.srv.Kick(t.Context(), f, KickSpec{PerSecond: 500}); err != nil {
					t.Error(err)
				}
			}
		})
		for i := range 15 {
			if i%5 == 4 {
				r.apply(r.pool(func(*balancer.PoolSpec) {})) // another generation
			}
			r.wantAgreement("meanwhile", -1)
		}
		close(over)
		clients.Wait()
		eventually(t, "the others to end", func() bool { return r.srv.open() == int64(len(open)) })
		r.wantAgreement("afterwards", len(open))
		if r.outcomes(outcome.Kicked) == 0 || r.outcomes(outcome.RefusedConnections) == 0 {
			t.Error("no session was kicked, or none was refused")
		}
		for _, c := range open {
			_ = c.Close()
		}
	})
}

// A counter that is wrong is a fault, and nothing else is.
func TestCheckFindsEachCounterThatIsWrong(t *testing.T) {
	r := startLeaving(t, mqttToMQTT, func(s *snapshot.Snapshot) { s.Timeouts.Idle = patience })
	client, node := r.open(mqttparse.V311)
	half := r.dial()
	half.send(connect311[:5])
	eventually(t, "the opening", func() bool { return r.srv.open() == 2 })
	r.wantAgreement("at first", 2)
	inLoop := func(f func(*loop, *session)) func() { // of the open session
		return func() {
			r.inLoops(func(l *loop, s *session) {
				if s.flow != nil {
					f(l, s)
				}
			})
		}
	}
	n := r.node(0)
	for _, row := range []struct {
		want   string
		damage func()
		mend   func()
	}{
		{want: `listener "mqtt" counts `,
			damage: inLoop(func(_ *loop, s *session) { s.listener.Open++ }), mend: inLoop(func(_ *loop, s *session) { s.listener.Open-- })},
		{want: `node "node-a": it counts 0 sessions, and has 1`,
			damage: inLoop(func(_ *loop, s *session) { s.flow.Open-- }), mend: inLoop(func(_ *loop, s *session) { s.flow.Open++ })},
		{want: `node "node-a": it counts by version [0 1 1 0] sessions, and has [0 0 1 0]`,
			damage: inLoop(func(_ *loop, s *session) { s.flow.OpenByVersion[1]++ }), mend: inLoop(func(_ *loop, s *session) { s.flow.OpenByVersion[1]-- })},
		{want: "openings than it counts",
			damage: inLoop(func(l *loop, _ *session) { l.opensUnder[l.current]++ }), mend: inLoop(func(l *loop, _ *session) { l.opensUnder[l.current]-- })},
		{want: "its timer is set: false",
			damage: inLoop(func(l *loop, s *session) { l.Timers.Clear(s.slot) }), mend: inLoop(func(l *loop, s *session) { l.setTimer(s, s.timer) })},
		{want: "its time is over at tick",
			damage: inLoop(func(_ *loop, s *session) { s.deadline = 1; s.timer++ }), mend: inLoop(func(_ *loop, s *session) { s.deadline = 0; s.timer-- })},
		{want: `node "node-a" (` + n.Address + `): it counts 2, and has 1`, damage: func() { n.Acquire() }, mend: n.Release},
		{want: "connections admitted: it counts 1, and has 2",
			damage: func() { r.srv.admitted.Add(-1) }, mend: func() { r.srv.admitted.Add(1) }},
		{want: "linger after a refusal: it counts 1, and has 0",
			damage: func() { r.srv.refused.Add(1) }, mend: func() { r.srv.refused.Add(-1) }},
		{want: "port 127.0.0.1:",
			damage: inLoop(func(_ *loop, s *session) { s.listener.port.admitted.Add(1) }), mend: inLoop(func(_ *loop, s *session) { s.listener.port.admitted.Add(-1) })},
	} {
		row.damage()
		_, faults := r.srv.Check(t.Context())
		row.mend()
		if len(faults) != 1 || !strings.Contains(faults[0], row.want) {
			t.Errorf("faults %q, want one with %s", faults, row.want)
		}
		r.wantAgreement("mended", 2)
	}
	_, _, _ = client.Close(), node.Close(), half.Close()
}

func TestCheckEndsWithItsContextAndAfterTheServer(t *testing.T) {
	a := startNode(t, nil)
	r := start(t, []string{a.address()}, func(s *snapshot.Snapshot) { s.Timeouts.Shutdown = 300 * time.Millisecond })
	r.openSessions(5)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if n, faults := r.srv.Check(over); n != 0 || len(faults) > 0 {
		t.Errorf("%d sessions, faults %q", n, faults)
	}
	r.wantAgreement("open", 5)
	for _, l := range r.srv.engine.loops {
		if ask(l, func() bool { return l.recount != nil }) {
			t.Error("a recount goes on after the check")
		}
	}
	r.stop()
	if n, faults := r.srv.Check(t.Context()); n != 0 || len(faults) > 0 {
		t.Errorf("after the stop: %d sessions, faults %q", n, faults)
	}
}
