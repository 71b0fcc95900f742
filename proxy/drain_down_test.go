package proxy

import (
	"io"
	"net"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// closeDown has the sessions of nodes that are down leave; 0: they stay.
func closeDown(perSecond int) setting {
	return func(s *snapshot.Snapshot) { s.Listeners[0].Pool.DownNodesRate = perSecond }
}

func TestSessionsOfANodeThatIsDownAreToldToUseAnother(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := startLeaving(t, m, closeDown(1000))
		client, node := r.open(mqttparse.V5)
		other := m.startNode(t, nil)
		r.apply(r.on(r.node(0).Address, other.address()))
		r.node(0).SetHealth(balancer.Down)
		r.ends(t, outcome.NodeDown, client, node, m.toClient("e0 02 9c 00", 1012), m.toNode())
	})
}

// told returns how many sessions were told to leave node-a by its last drain of a cause.
func (r *rig) told(cause drainCause) int64 {
	r.srv.drains.mu.Lock()
	defer r.srv.drains.mu.Unlock()
	return r.srv.drains.all[drainKey{nodeName{"pool", "node-a"}, cause}].leaving.Load()
}

func TestSessionsStayOnANodeThatIsUpAgain(t *testing.T) {
	proxytest.WaitAbreast(t)
	a, b := startNode(t, nil), startNode(t, nil)
	r := start(t, []string{a.address()}, closeDown(3))
	sessions := r.openSessions(40)
	r.apply(r.on(a.address(), b.address()))
	r.node(0).SetHealth(balancer.Down)
	eventually(t, "the first to leave", func() bool { return r.outcomes(outcome.NodeDown) > 0 })
	if p := r.progress(); p.Cause != "node_down" || p.PerSecond != 3 || p.Sessions != 40 {
		t.Errorf("the progress is %+v", p)
	}
	r.node(0).SetHealth(balancer.Up)
	eventually(t, "the end of the drain", func() bool { return len(r.srv.Drains()) == 0 })
	told := r.told(downNode)
	r.wantLiving(sessions, outcome.NodeDown)
	if n := r.told(downNode); n != told {
		t.Errorf("%d sessions left after the node was up", n-told)
	}

	r.node(0).SetHealth(balancer.Down) // again
	eventually(t, "others to leave", func() bool {
		p := r.progress()
		return p.Leaving > 0 && p.Sessions < 40
	})
	r.apply(closeDown(0))
	if len(r.srv.Drains()) > 0 {
		t.Errorf("drains go on: %+v", r.srv.Drains())
	}
}

// Clients that are told to leave the last node would come back to it: when no node is up, sessions
// are tried on those that are down.
func TestSessionsStayWhereNoOtherNodeIsUp(t *testing.T) {
	proxytest.WaitAbreast(t)
	a, b := startNode(t, nil), startNode(t, nil)
	r := start(t, []string{a.address(), b.address()}, closeDown(1000))
	r.node(1).SetOperator(balancer.Draining)
	sessions := r.openSessions(10)
	r.node(0).SetHealth(balancer.Down)
	late := r.open("late")
	for range 3 {
		time.Sleep(2 * idleDrainInterval) //nolint:forbidigo // the longer, the surer it is that they stay
		r.apply()
	}
	r.wantLiving(append(sessions, late), outcome.NodeDown)
	if n := r.outcomes(outcome.NodeDown); n > 0 {
		t.Errorf("%d sessions left", n)
	}
	r.node(1).SetOperator(balancer.Up)
	r.waitOutcome(outcome.NodeDown, 11)
}

// An operator's pace is the pace, also of a node that goes down.
func TestOperatorSetsThePaceOfANodeThatIsDown(t *testing.T) {
	proxytest.WaitAbreast(t)
	a, b := startNode(t, nil), startNode(t, nil)
	r := start(t, []string{a.address()}, closeDown(1000))
	sessions := r.openSessions(40)
	r.apply(r.on(a.address(), b.address()))
	r.drain(0, Pace{PerSecond: 2})
	r.node(0).SetHealth(balancer.Down)
	eventually(t, "two to leave", func() bool { return r.outcomes(outcome.Drained) >= 2 })
	r.node(0).SetHealth(balancer.Up)
	r.srv.CancelDrain("node-a")
	r.wantLiving(sessions, outcome.Drained)
	if n := r.outcomes(outcome.NodeDown); n > 0 {
		t.Errorf("%d sessions left because the node was down", n)
	}
}

// Without a pace an operator's drain is no reason to keep the sessions of a node that goes down.
func TestNodeThatIsDrainedWithoutAPaceMayGoDown(t *testing.T) {
	proxytest.WaitAbreast(t)
	a, b := startNode(t, nil), startNode(t, nil)
	r := start(t, []string{a.address()}, closeDown(20))
	r.openSessions(40)
	r.apply(r.on(a.address(), b.address()))
	r.drain(0, Pace{})
	r.node(0).SetHealth(balancer.Down)
	eventually(t, "the first to leave", func() bool { return r.told(downNode) > 0 })
	if p := r.progress(); p.Cause != "node_down" || p.PerSecond != 20 {
		t.Errorf("the progress is %+v", p)
	}
	r.waitOutcome(outcome.NodeDown, 40)
}

// A frozen node reads nothing and closes nothing. Its sessions end all the same, and the kernel keeps
// nothing for it.
func TestSessionsOfAFrozenNodeEnd(t *testing.T) {
	const sessions = 20
	over := make(chan struct{})
	frozen := startNode(t, func(c net.Conn) {
		_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
		if _, err := io.ReadFull(c, make([]byte, len(connect5))); err != nil {
			return
		}
		_, _ = c.Write(connack5)
		<-over
	})
	defer close(over)
	other := startNode(t, nil)
	r := startShortWaits(t, []string{frozen.address()}, closeDown(1000))
	for i := range sessions {
		c := r.dial()
		c.send(connect5)
		c.expect(connack5)
		if i%2 == 0 { // and a client that sends more than is read
			go func() { // ends with the connection
				for {
					if _, err := c.Write(make([]byte, 64<<10)); err != nil {
						return
					}
				}
			}()
		}
	}
	eventually(t, "the backlogs", func() bool {
		n := 0
		r.each(func(s *session) {
			if s.server.kept != nil {
				n++
			}
		})
		return n == sessions/2
	})
	r.apply(r.on(frozen.address(), other.address()))
	r.node(0).SetHealth(balancer.Down)
	r.waitOutcome(outcome.NodeDown, sessions)
	if n := r.node(0).Open(); n != 0 {
		t.Errorf("%d sessions on the frozen node", n)
	}
	r.open("new")
}
