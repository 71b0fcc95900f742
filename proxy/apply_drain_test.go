package proxy

import (
	"fmt"
	"io"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// inPool moves the first listener to another pool.
func (r *rig) inPool(name string, addresses ...string) setting {
	return func(s *snapshot.Snapshot) {
		r.pool(func(spec *balancer.PoolSpec) { spec.Name = name })(s)
		r.on(addresses...)(s)
	}
}

// openSessions opens n sessions and returns their clients.
func (r *rig) openSessions(n int) (open []*client) {
	for i := range n {
		open = append(open, r.open(fmt.Sprint(i)))
	}
	return open
}

// wantLiving checks that all of the sessions continue except those that ended in the outcome.
func (r *rig) wantLiving(sessions []*client, ended outcome.Outcome) {
	r.t.Helper()
	living := 0
	for _, c := range sessions {
		if _, err := c.Write([]byte("bytes")); err == nil && c.next(make([]byte, 5)) {
			living++
		} else {
			_ = c.Close()
		}
	}
	r.waitOutcome(ended, uint64(len(sessions)-living))
}

// next fills b and reports whether there were enough bytes.
func (c *client) next(b []byte) bool {
	n, err := io.ReadFull(c, b)
	return err == nil && n == len(b)
}

func (r *rig) draining() int {
	r.srv.drains.mu.Lock()
	defer r.srv.drains.mu.Unlock()
	return len(r.srv.drains.all)
}

func TestSessionsOfARemovedNodeAreToldToUseAnother(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := startLeaving(t, m, removedAt(1000))
		client, node := r.open(mqttparse.V5)
		r.apply(r.on("", r.node(0).Address))
		r.ends(t, outcome.Drained, client, node, m.toClient("e0 02 9c 00", 1012), m.toNode())
		eventually(t, "the end of the drain", func() bool { return r.draining() == 0 })
	})
}

func TestSessionsOfARemovedPoolLeaveAsItSays(t *testing.T) {
	proxytest.WaitAbreast(t)
	a, b := startNode(t, nil), startNode(t, nil)
	for perSecond, left := range map[int]uint64{0: 0, 1000: 3} {
		t.Run(fmt.Sprint(perSecond), func(t *testing.T) {
			r := start(t, []string{a.address(), a.address()}, removedAt(perSecond))
			sessions := r.openSessions(3)
			r.apply(r.inPool("another", b.address()))
			if left > 0 {
				r.waitOutcome(outcome.Drained, left)
			}
			r.wantLiving(sessions, outcome.Drained)
			r.open("on another")
			r.apply(r.inPool("pool", a.address()))
			r.wantLiving(sessions, outcome.Drained)
		})
	}
}

func TestDrainEndsWhenTheNodeComesBack(t *testing.T) {
	proxytest.WaitAbreast(t)
	a, b := startNode(t, nil), startNode(t, nil)
	r := start(t, []string{a.address()}, removedAt(2))
	sessions := r.openSessions(40)
	r.apply(r.on("", b.address()))
	eventually(t, "the first to leave", func() bool { return r.outcomes(outcome.Drained) > 0 })
	r.apply(r.on(a.address(), b.address()))
	if n := r.draining(); n != 0 {
		t.Errorf("%d drains go on", n)
	}
	r.wantLiving(sessions, outcome.Drained)
}

func TestDrainTakesThePaceOfThePresentFile(t *testing.T) {
	proxytest.WaitAbreast(t)
	a, b := startNode(t, nil), startNode(t, nil)
	r := start(t, []string{a.address()}, removedAt(1))
	sessions := r.openSessions(60)
	r.apply(r.on("", b.address()))
	r.apply(removedAt(1000))
	r.waitOutcome(outcome.Drained, uint64(len(sessions))) // in less than the minute that it would have taken
	r.apply(r.on(a.address()))
	r.openSessions(20)
	r.apply(removedAt(1), r.on("", b.address()))
	r.apply(removedAt(0))
	if n := r.draining(); n != 0 {
		t.Errorf("%d drains go on", n)
	}
}

// However late a drain is, at most one second's worth of sessions leave at once.
func TestDrainIsSpread(t *testing.T) {
	proxytest.WaitAbreast(t)
	const sessions, perSecond = 300, 300
	a, b := startNode(t, nil), startNode(t, nil)
	r := start(t, []string{a.address()}, removedAt(perSecond))
	r.openSessions(sessions)
	began := time.Now()
	r.apply(r.on("", b.address()))
	r.waitOutcome(outcome.Drained, sessions)
	if took := time.Since(began); took < sessions*time.Second/perSecond-2*drainInterval {
		t.Errorf("%d sessions left in %v, at %d a second", sessions, took, perSecond)
	}
}

func TestStopEndsADrain(t *testing.T) {
	proxytest.WaitAbreast(t)
	a, b := startNode(t, nil), startNode(t, nil)
	r := start(t, []string{a.address()}, removedAt(2), func(s *snapshot.Snapshot) { s.Timeouts.Shutdown = 300 * time.Millisecond })
	sessions := r.openSessions(20)
	r.apply(r.on("", b.address()))
	eventually(t, "the first to leave", func() bool { return r.outcomes(outcome.Drained) > 0 })
	r.stop()
	if n := r.outcomes(outcome.Drained) + r.outcomes(outcome.Shutdown); n != uint64(len(sessions)) {
		t.Errorf("%d sessions were drained or shut down, want all %d", n, len(sessions))
	}
	if err := r.tryApply(); err != ErrStopping {
		t.Errorf("applied after the stop: %v", err)
	}
}

// A client accepted under an earlier snapshot is not sent to a node that the current one does not
// have.
func TestOpeningGoesToANodeOfThePresentFile(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		a, b := m.startNode(t, nil), m.startNode(t, nil)
		r := m.start(t, []string{a.address()}, removedAt(1000))
		half := r.dial()
		half.send(connect311[:5])
		eventually(t, "the opening", func() bool { return r.srv.open() == 1 })
		r.apply(r.on("", b.address()))
		half.send(connect311[5:])
		half.expect(connack311)
		if n := len(a.firstWrites()); n != 0 {
			t.Errorf("%d sessions at the node that was removed", n)
		}
	})
}

// If its pool is gone, the client still goes to the old node and then leaves with the others: the
// drain waits for it.
func TestOpeningOfARemovedPoolIsDrained(t *testing.T) {
	a, b := startNode(t, nil), startNode(t, nil)
	r := start(t, []string{a.address()}, removedAt(1000))
	half := r.dial()
	half.send(connect311[:5])
	eventually(t, "the opening", func() bool { return r.numbers("mqtt").Open == 1 })
	r.apply(r.inPool("another", b.address()))
	for range 5 { // as long as a drain without sessions might take to end
		r.apply()
		time.Sleep(drainInterval) //nolint:forbidigo // the longer, the surer it is that the drain waits
	}
	half.send(connect311[5:])
	half.rest() // it may leave before its CONNACK
	_ = half.Close()
	r.waitOutcome(outcome.Drained, 1)
	eventually(t, "the end of the drain", func() bool { return r.draining() == 0 })
}

func TestSecondsOfAReportAreShort(t *testing.T) {
	if got := seconds(2647 * time.Millisecond).String(); got != "seconds=2.647" {
		t.Errorf("got %s, want seconds=2.647", got)
	}
}
