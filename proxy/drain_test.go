package proxy

import (
	"bytes"
	"fmt"
	"net"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// drain takes a node out as an operator does.
func (r *rig) drain(node int, pace Pace) {
	r.t.Helper()
	r.node(node).SetOperator(balancer.Draining)
	if err := r.srv.DrainNode(r.node(node).Name, pace); err != nil {
		r.t.Fatal(err)
	}
}

// progress returns the progress of node-a.
func (r *rig) progress() DrainProgress { return r.srv.Drains()["node-a"] }

func TestSessionsOfADrainedNodeAreToldToUseAnother(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := startLeaving(t, m)
		client, node := r.open(mqttparse.V5)
		r.drain(0, Pace{PerSecond: 1000})
		r.ends(t, outcome.Drained, client, node, m.toClient("e0 02 9c 00", 1012), m.toNode())
		eventually(t, "the end of the drain", func() bool { p := r.progress(); return p.Left == 0 && p.Leaving == 1 })
	})
}

// Every window of a second is counted, by the server's own count of sessions that were told to leave:
// clients on a busy machine may hear of it later, many at a time.
func TestThousandSessionsLeaveEvenly(t *testing.T) {
	proxytest.WaitAbreast(t)
	const sessions, perSecond = 1000, 200
	a, b := startNode(t, nil), startNode(t, nil)
	for name, pace := range map[string]Pace{"at a pace": {PerSecond: perSecond}, "within a time": {Within: sessions * time.Second / perSecond}} {
		t.Run(name, func(t *testing.T) {
			r := start(t, []string{a.address()})
			clients := r.openSessions(sessions)
			r.apply(r.on(a.address(), b.address()))
			var told samples
			told.take(func() int64 { return 0 })
			r.drain(0, pace)
			for told.take(func() int64 { return r.progress().Leaving }) < sessions {
				time.Sleep(drainInterval / 5) //nolint:forbidigo // between two samples
				if time.Since(told[0].before) > 4*patience {
					t.Fatalf("%+v", r.progress())
				}
			}
			told.checkPace(t, perSecond)
			for i, c := range clients {
				_ = c.rest()
				_ = c.Close()
				clients[i] = r.open(fmt.Sprint(i))
			}
			r.waitOutcome(outcome.Drained, sessions)
			if p := r.progress(); p.Left != 0 || p.Sessions != sessions || p.Remaining != 0 {
				t.Errorf("the progress is %+v", p)
			}
			if n := r.node(1).Open(); n != sessions {
				t.Errorf("%d sessions on the other node", n)
			}
		})
	}
}

// persistentAs is a CONNECT whose session state the node keeps: without Clean Session, or in MQTT 5
// with an expiry.
func persistentAs(v mqttparse.Version, id string) []byte {
	if v == mqttparse.V5 {
		b := []byte{0x10, byte(18 + len(id)), 0, 4, 'M', 'Q', 'T', 'T', 5, 0, 0, 60, 5, 0x11, 0, 0, 1, 0, 0, byte(len(id))}
		return append(b, id...)
	}
	b := connectAs(id)
	b[9] = 0
	return b
}

func TestSessionsWithStateLeaveLast(t *testing.T) {
	proxytest.WaitAbreast(t)
	r := start(t, []string{startNode(t, nil).address()})
	var ids []string
	for i := range 90 {
		ids = append(ids, fmt.Sprint("client-", i))
	}
	r.openMixed(ids)
	r.drain(0, Pace{PerSecond: 200})
	r.leaveCleanFirst()
	r.waitOutcome(outcome.Drained, uint64(len(ids)))
}

// openMixed opens sessions with these identifiers, of which a third has no state on its node.
func (r *rig) openMixed(ids []string) {
	r.t.Helper()
	for i, id := range ids {
		c := r.dial()
		c.send([][]byte{persistentAs(mqttparse.V311, id), persistentAs(mqttparse.V5, id), connectAs(id)}[i%3])
		if b := make([]byte, 4); !c.next(b) || b[0] != 0x20 {
			r.t.Fatalf("the CONNACK: % x", b)
		}
	}
	if with, without := r.staying(true), r.staying(false); with != 2*len(ids)/3 || without != len(ids)/3 {
		r.t.Fatalf("%d sessions have state, %d have none", with, without)
	}
}

// staying returns how many sessions, with state on their node or without, were not told to leave.
func (r *rig) staying(persistent bool) (n int) {
	r.each(func(s *session) {
		if s.persistent == persistent && s.step < stepLeave {
			n++
		}
	})
	return n
}

// leaveCleanFirst waits until no session stays that has state on its node, and checks that those without have
// left before.
func (r *rig) leaveCleanFirst() {
	r.t.Helper()
	all := r.staying(true)
	for left := all; left > 0; {
		left = r.staying(true)
		if clean := r.staying(false); left < all && clean > 0 {
			r.t.Fatalf("%d sessions with state have left before %d others", all-left, clean)
		}
	}
}

// A drain without a pace shows how many are left and tells nobody to leave.
func TestDrainWithoutAPaceLeavesSessionsAlone(t *testing.T) {
	proxytest.WaitAbreast(t)
	a, b := startNode(t, nil), startNode(t, nil)
	r := start(t, []string{a.address()})
	sessions := r.openSessions(20)
	r.apply(r.on(a.address(), b.address()))
	r.drain(0, Pace{})
	_ = sessions[0].Close()
	eventually(t, "one to end", func() bool { return r.progress().Left == 19 })
	if p := r.progress(); p.Sessions != 20 || p.Leaving != 0 || p.PerSecond != 0 || p.Remaining != 0 || p.Cause != "operator" || p.Began.IsZero() {
		t.Errorf("the progress is %+v", p)
	}
	r.openSessions(5)
	if n := r.node(1).Open(); n != 5 {
		t.Errorf("%d of 5 new sessions are on the other node", n)
	}
	r.wantLiving(sessions[1:], outcome.Drained)

	// A pace replaces it, and another that one.
	r.drain(0, Pace{PerSecond: 2})
	eventually(t, "the first to leave", func() bool { return r.progress().Leaving > 0 })
	if p := r.progress(); p.PerSecond != 2 || p.Remaining < time.Second || p.Remaining > 10*time.Second {
		t.Errorf("the progress is %+v", p)
	}
	r.drain(0, Pace{Within: time.Second})
	r.waitOutcome(outcome.Drained, 19)
}

func TestCancelledDrainLeavesTheOthersThere(t *testing.T) {
	proxytest.WaitAbreast(t)
	r := start(t, []string{startNode(t, nil).address()})
	sessions := r.openSessions(40)
	r.drain(0, Pace{PerSecond: 4})
	eventually(t, "the first to leave", func() bool { return r.outcomes(outcome.Drained) > 0 })
	r.srv.CancelDrain("node-a")
	r.srv.CancelDrain("node-a")
	r.node(0).SetOperator(balancer.Up)
	if len(r.srv.Drains()) > 0 || r.draining() > 0 {
		t.Errorf("drains go on: %+v", r.srv.Drains())
	}
	later := r.openSessions(5)
	r.wantLiving(sessions, outcome.Drained)
	told := r.outcomes(outcome.Drained)
	for _, c := range later {
		c.send([]byte("bytes"))
		c.expect([]byte("bytes"))
	}
	r.openSessions(20)
	if n := r.outcomes(outcome.Drained); n != told {
		t.Errorf("%d sessions left after the end of the drain", n-told)
	}
}

// A session that is on its way to the node when it is taken out leaves once it is there.
func TestOpeningsUnderWayLeaveADrainedNode(t *testing.T) {
	accepted, goOn := make(chan net.Conn), make(chan struct{})
	a := startNode(t, func(c net.Conn) {
		accepted <- c
		<-goOn
		_, _ = c.Write(connack5)
		_, _ = c.Read(make([]byte, 1))
	})
	r := start(t, []string{a.address()})
	c := r.dial()
	c.send(connect5)
	conn := <-accepted // the node has it, and has not answered
	eventually(t, "the CONNECT", func() bool { return r.node(0).Open() == 1 })
	r.drain(0, Pace{PerSecond: 1})
	r.waitOutcome(outcome.Drained, 1)
	if got := c.rest(); !bytes.Equal(got, []byte("\x20\x03\x00\x9c\x00")) {
		t.Errorf("the client heard % x, want a CONNACK with 0x9C", got)
	}
	close(goOn)
	_ = conn.Close()
}

// A drain goes on through reloads, also one that removes the node, at the operator's pace.
func TestDrainOutlivesReloads(t *testing.T) {
	proxytest.WaitAbreast(t)
	a, b := startNode(t, nil), startNode(t, nil)
	r := start(t, []string{a.address(), b.address()}, removedAt(1000))
	r.node(1).SetOperator(balancer.Down)
	sessions := r.openSessions(40)
	r.node(1).SetOperator(balancer.Up)
	r.drain(0, Pace{PerSecond: 2})
	r.apply(r.on(a.address(), b.address()))
	if r.node(0).State() != balancer.Draining {
		t.Error("the node takes sessions after a reload")
	}
	began := r.progress().Began
	r.apply(r.on("", b.address()))
	eventually(t, "two to leave", func() bool { return r.outcomes(outcome.Drained) >= 2 })
	r.apply(r.on(a.address(), b.address()))
	if p := r.progress(); p.Began != began || p.Cause != "operator" || p.PerSecond != 2 || p.Leaving > 20 {
		t.Errorf("the progress is %+v", p)
	}
	r.srv.CancelDrain("node-a")
	r.wantLiving(sessions, outcome.Drained)
}

// A node leaves all its pools with one pace.
func TestDrainIsOfTheNodeInAllPools(t *testing.T) {
	proxytest.WaitAbreast(t)
	a := startNode(t, nil)
	second := func(s *snapshot.Snapshot) {
		another("second", "tcp", "127.0.0.1:0")(s)
		p := *s.Listeners[0].Pool
		p.Pool = rebuilt(t, p.Pool, func(spec *balancer.PoolSpec) { spec.Name = "other" })
		s.Listeners[len(s.Listeners)-1].Pool = &p
	}
	third := func(s *snapshot.Snapshot) {
		second(s)
		s.Listeners[2].Name = "third"
		s.Listeners[2].Pool.Pool = rebuilt(t, s.Listeners[2].Pool.Pool, func(spec *balancer.PoolSpec) { spec.Name = "later" })
	}
	r := start(t, []string{a.address()}, onFreeAddress(t), second)
	open := func(listener string, sessions int) {
		for range sessions {
			c := r.dialTo(r.srv.Addr(listener))
			c.send(connect311)
			c.expect(connack311)
		}
	}
	open("mqtt", 3)
	open("second", 4)
	r.drain(0, Pace{PerSecond: 100})
	if p := r.progress(); p.Sessions != 7 {
		t.Errorf("the progress is %+v", p)
	}
	r.waitOutcome(outcome.Drained, 7)

	r.srv.CancelDrain("node-a")
	r.drain(0, Pace{PerSecond: 100})
	r.node(0).SetOperator(balancer.Up) // so that sessions come
	r.apply(third)
	c := r.dialTo(r.srv.Addr("third"))
	c.send(connect311)
	r.waitOutcome(outcome.Drained, 8)
}
