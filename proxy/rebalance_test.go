package proxy

import (
	"fmt"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// rebalanceAt sets how many sessions a second return to their first node; 0: they stay.
func rebalanceAt(perSecond int) setting {
	return func(s *snapshot.Snapshot) { s.Listeners[0].Pool.RebalanceRate = perSecond }
}

// settleAtOnce has sessions return as soon as their node is up. It is called before the first rebalance.
func (r *rig) settleAtOnce() { r.srv.waits.settle = 0 }

// back returns the progress of the rebalance of the pool.
func (r *rig) back() RebalanceProgress { return r.srv.Rebalances()["pool"] }

// ofHome returns n identifiers whose first node is one of the pool, whatever its state.
func (r *rig) ofHome(node, n int) (ids []string) {
	allUp := rebuilt(r.t, r.snap.Listeners[0].Pool.Pool, func(*balancer.PoolSpec) {})
	for i := 0; len(ids) < n; i++ {
		id := fmt.Sprint("client-", i)
		if allUp.Home(balancer.Hash([]byte(id))).Name == r.node(node).Name {
			ids = append(ids, id)
		}
	}
	return ids
}

// displaced starts a server with two nodes, and opens n sessions on the second one whose first node is
// the first one, which was down and is not yet up again.
func displaced(t *testing.T, n int, settings ...setting) (*rig, []*client) {
	t.Helper()
	r := prepare(t, []string{startNode(t, nil).address(), startNode(t, nil).address()}, settings...)
	r.settleAtOnce()
	r.run()
	r.node(0).SetHealth(balancer.Down)
	return r, r.openAll(r.ofHome(0, n))
}

// come has clients of these identifiers come back.
func (r *rig) come(clients []*client, ids []string) {
	for i, id := range ids {
		_ = clients[i].Close()
		clients[i] = r.open(id)
	}
}

func TestClientsReturnToANodeThatIsAdded(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := startLeaving(t, m)
		r.settleAtOnce()
		alone := r.node(0).Address
		for v := range connects {
			client, node := r.open(v)
			other := m.startNode(t, nil)
			r.apply(rebalanceAt(1000), func(s *snapshot.Snapshot) {
				for letter := 1; ; letter++ { // a name of the new node that comes before the old one
					addresses := make([]string, letter+1)
					addresses[0], addresses[letter] = alone, other.address()
					if r.on(addresses...)(s); s.Listeners[0].Pool.Home(balancer.Hash([]byte("c1"))).Name != "node-a" {
						return
					}
				}
			})
			r.ends(t, outcome.Moved, client, node, m.toClient(pick(v == mqttparse.V5, "e0 02 9c 00", ""), 1012), m.toNode())
			r.apply(rebalanceAt(0), r.on(alone))
		}
		r.waitOutcome(outcome.Moved, uint64(len(connects)))
	})
}

// The story of a node that was restarted.
func TestSessionsReturnWhenTheirFirstNodeIsUpAgain(t *testing.T) {
	proxytest.WaitAbreast(t)
	const sessions, perSecond = 40, 100
	r, clients := displaced(t, sessions, rebalanceAt(perSecond))
	var staying []*client
	for _, id := range r.ofHome(1, 20) {
		staying = append(staying, r.open(id))
	}
	if p := r.back(); p.Active || p.Found != 0 || p.PerSecond != perSecond {
		t.Errorf("before its return: %+v", p)
	}
	began := time.Now()
	r.node(0).SetHealth(balancer.Up)
	eventually(t, "the first to return", func() bool { return r.back().Moved > 0 })
	if p := r.back(); p.Found != sessions || p.Moved+p.Left != sessions || p.Began.Before(began) || p.Left > 0 != (p.Remaining > 0) {
		t.Errorf("while they return: %+v", p)
	}
	r.waitOutcome(outcome.Moved, sessions)
	if took := time.Since(began); took < sessions*time.Second/perSecond-2*drainInterval {
		t.Errorf("%d sessions returned in %v", sessions, took)
	}
	r.come(clients, r.ofHome(0, sessions))
	eventually(t, "the end", func() bool { return !r.back().Active })
	if p := r.back(); p.Moved != sessions || p.Left != 0 || p.Remaining != 0 || p.TotalFound != sessions || p.TotalMoved != sessions {
		t.Errorf("at the end: %+v", p)
	}
	if a, b := r.node(0).Open(), r.node(1).Open(); a != sessions || b != int64(len(staying)) {
		t.Errorf("%d and %d sessions on the nodes", a, b)
	}
	r.waitLine(fmt.Sprintf(`msg="sessions return to their first node" pool=pool sessions=%d per_second=%d`, sessions, perSecond))
	r.waitLine(fmt.Sprintf(`msg="the sessions have returned to their first node" pool=pool moved=%d left=0 seconds=`, sessions))
	if attr := seconds(1665152826 * time.Nanosecond).String(); attr != "seconds=1.665" {
		t.Errorf("the report has %s, want milliseconds", attr)
	}
	for _, c := range append(clients, staying...) {
		c.send([]byte("bytes"))
		c.expect([]byte("bytes"))
	}
	if n := r.outcomes(outcome.Moved); n != sessions {
		t.Errorf("%d sessions were moved", n)
	}
}

func TestSessionsWithStateReturnLast(t *testing.T) {
	proxytest.WaitAbreast(t)
	const sessions = 90
	r, _ := displaced(t, 0, rebalanceAt(100))
	r.openMixed(r.ofHome(0, sessions))
	r.node(0).SetHealth(balancer.Up)
	r.leaveCleanFirst()
	r.waitOutcome(outcome.Moved, sessions)
}

// The end of the return is a matter of the node, not of a turn.
func TestNoSessionReturnsToANodeThatGoesDownAgain(t *testing.T) {
	proxytest.WaitAbreast(t)
	for name, set := range map[string]func(*balancer.Node, balancer.State){"health": (*balancer.Node).SetHealth, "operator": (*balancer.Node).SetOperator} {
		t.Run(name, func(t *testing.T) {
			r, clients := displaced(t, 40, rebalanceAt(4))
			r.node(0).SetHealth(balancer.Up)
			eventually(t, "the first to return", func() bool { return r.back().Moved > 0 })
			set(r.node(0), balancer.Down)
			if n := r.mayReturn(); n != 0 {
				t.Errorf("%d sessions may return to a node that is down", n)
			}
			eventually(t, "the end", func() bool { return !r.back().Active })
			r.waitLine(`msg="sessions do not return to their first node any more" pool=pool not_ready=node-a`)
			moved := r.back().Moved
			r.wantLiving(clients, outcome.Moved)
			if p := r.back(); p.Moved != moved || p.Left != 0 {
				t.Errorf("after the node was down: %+v", p)
			}
			set(r.node(0), balancer.Up)
			eventually(t, "the others to return", func() bool { p := r.back(); return p.Active && p.Found == 40-moved })
			r.apply(rebalanceAt(1000))
			r.waitOutcome(outcome.Moved, 40)
		})
	}
}

func TestSessionsReturnWhenWeightsChange(t *testing.T) {
	proxytest.WaitAbreast(t)
	const sessions = 200
	r, _ := displaced(t, 0, rebalanceAt(1000))
	r.node(0).SetHealth(balancer.Up)
	clients := r.openSessions(sessions)
	onB := r.node(1).Open()
	heavier := r.pool(func(s *balancer.PoolSpec) { s.Nodes[0].Weight = 3 })
	r.apply(heavier)
	want := uint64(0)
	for i := range clients {
		key := balancer.Hash(fmt.Append(nil, i))
		lighter := rebuilt(t, r.snap.Listeners[0].Pool.Pool, func(s *balancer.PoolSpec) { s.Nodes[0].Weight = 1 })
		if lighter.Home(key).Name != r.snap.Listeners[0].Pool.Home(key).Name {
			want++
		}
	}
	if want == 0 || want >= uint64(onB) {
		t.Fatalf("%d of %d sessions are to move", want, onB)
	}
	r.waitOutcome(outcome.Moved, want)
	r.apply() // changes nothing
	r.apply(rebalanceAt(500))
	eventually(t, "the end", func() bool { return !r.back().Active })
	if n := r.outcomes(outcome.Moved); n != want {
		t.Errorf("%d sessions moved, want %d", n, want)
	}
}

// What is drained leaves at the pace of its drain, and nothing else does.
func TestSessionsOfADrainedNodeDoNotReturn(t *testing.T) {
	proxytest.WaitAbreast(t)
	const sessions, perSecond = 60, 20
	r, _ := displaced(t, sessions, rebalanceAt(perSecond))
	r.node(0).SetHealth(balancer.Up)
	eventually(t, "the first to return", func() bool { return r.back().Moved > 0 })
	r.drain(1, Pace{PerSecond: perSecond})
	eventually(t, "the end of the return", func() bool { return !r.back().Active })
	moved, began := uint64(r.back().Moved), time.Now()
	r.waitOutcome(outcome.Drained, sessions-moved)
	r.waitOutcome(outcome.Moved, moved)
	if took, least := time.Since(began), time.Duration(sessions-moved)*time.Second/perSecond*8/10-time.Second; took < least {
		t.Errorf("%d sessions left in %v", sessions-moved, took)
	}
}
