//go:build linux

package proxy

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// backupsFrom makes backups of the node with this index and those after it.
func backupsFrom(t *testing.T, first int) setting {
	return func(s *snapshot.Snapshot) {
		p := s.Listeners[0].Pool
		p.Pool = rebuilt(t, p.Pool, func(spec *balancer.PoolSpec) {
			for i := range spec.Nodes {
				spec.Nodes[i].Backup = i >= first
			}
		})
	}
}

// startTiers starts a server with so many nodes, of which those from the index first on are backups.
func startTiers(t *testing.T, nodes, first int, settings ...setting) *rig {
	t.Helper()
	var addresses []string
	for range nodes {
		addresses = append(addresses, startNode(t, nil).address())
	}
	r := prepare(t, addresses, append([]setting{backupsFrom(t, first)}, settings...)...)
	r.settleAtOnce()
	r.run()
	return r
}

// wantOpen waits until the nodes have so many sessions.
func (r *rig) wantOpen(when string, want ...int64) {
	r.t.Helper()
	got := make([]int64, len(want))
	defer func() {
		if r.t.Failed() {
			r.t.Logf("%v sessions on the nodes", got)
		}
	}()
	eventually(r.t, fmt.Sprintf("%v sessions on the nodes %s", want, when), func() bool {
		for i := range want {
			got[i] = r.node(i).Open()
		}
		return slices.Equal(got, want)
	})
}

// The probes have not noticed yet that nothing listens on the nodes before.
func TestSessionGoesToABackupIfNoOtherNodeCanBeReached(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := m.start(t, []string{refusing, refusing, m.startNode(t, nil).address()}, backupsFrom(t, 2))
		for range 3 {
			c := r.open("c1")
			r.wantOpen("while a client is there", 0, 0, 1)
			_ = c.Close()
			r.wantOpen("after it has left", 0, 0, 0)
		}
	})
}

// Nodes that are full, or that refuse a client, are up: a storm fills no backup, and neither does a wrong password.
func TestNodeThatTakesNoClientIsNotReplacedByABackup(t *testing.T) {
	refusal := []byte{0x20, 2, 0, 3}
	for name, row := range map[string]struct {
		node     func(t *testing.T) func(net.Conn)
		settings []setting
		answers  [][]byte
	}{
		"it is full": {accepts, []setting{func(s *snapshot.Snapshot) { s.Listeners[0].Pool.Nodes()[0].MaxConnections = 1 }},
			[][]byte{connack311, refusal}},
		"it refuses": {func(t *testing.T) func(net.Conn) { return says(t, refusal, anyEnd) }, []setting{confirming},
			[][]byte{refusal}},
		"it closes": {func(*testing.T) func(net.Conn) { return closes }, []setting{confirming}, [][]byte{refusal}},
	} {
		t.Run(name, func(t *testing.T) {
			met := make(chan struct{}, 1)
			backup := startNode(t, func(net.Conn) { met <- struct{}{} })
			r := start(t, []string{startNode(t, row.node(t)).address(), refusing, backup.address()}, append([]setting{backupsFrom(t, 2)}, row.settings...)...)
			for i, answer := range row.answers {
				c := r.dial()
				c.send(connectAs(fmt.Sprint(i)))
				c.expect(answer)
			}
			select {
			case <-met:
				t.Error("the backup has got a client")
			default:
			}
		})
	}
}

// Sessions on a backup go home at the pace of a rebalance, persistent ones as well; without one they stay.
func TestSessionsGoHomeFromABackup(t *testing.T) {
	const sessions = 30
	r := startTiers(t, 3, 2)
	r.node(0).SetHealth(balancer.Down)
	r.node(1).SetOperator(balancer.Draining)
	clients := r.openSessions(sessions)
	c := r.dial()
	c.send(persistent("stays"))
	c.expect(connack311)
	r.wantOpen("while the first nodes are not up", 0, 0, sessions+1)
	r.node(0).SetHealth(balancer.Up)
	r.node(1).SetOperator(balancer.Up)
	r.wantLiving(clients, outcome.Moved)
	if n := r.outcomes(outcome.Moved); n != 0 {
		t.Fatalf("%d sessions left without a rebalance", n)
	}
	r.apply(rebalanceAt(100))
	r.waitOutcome(outcome.Moved, sessions+1)
	if p := r.back(); p.Found != sessions+1 || p.PerSecond != 100 {
		t.Errorf("%+v", p)
	}
	for i := range clients {
		_ = clients[i].Close()
		clients[i] = r.open(fmt.Sprint(i))
	}
	eventually(t, "the end of the rebalance", func() bool { return !r.back().Active })
	if a, b, backup := r.node(0).Open(), r.node(1).Open(), r.node(2).Open(); a == 0 || b == 0 || backup != 0 || a+b != sessions {
		t.Errorf("%d and %d sessions at home, %d on the backup", a, b, backup)
	}
}

// A node that is up is another one of whatever priority.
func TestSessionsLeaveNodesThatAreDownForABackupAndBack(t *testing.T) {
	proxytest.WaitAbreast(t)
	r := startTiers(t, 2, 1, closeDown(1000))
	first, backup := r.node(0), r.node(1)
	r.openSessions(10)
	first.SetHealth(balancer.Down)
	r.waitOutcome(outcome.NodeDown, 10)
	r.openSessions(10)
	r.wantOpen("with the first one down", 0, 10)
	backup.SetHealth(balancer.Down) // both are: the sessions stay
	first.SetHealth(balancer.Up)
	r.waitOutcome(outcome.NodeDown, 20)
	r.openSessions(10)
	r.wantOpen("with the backup down", 10, 0)
}

// An operator moves all clients of a cluster to the next one.
func TestOperatorDrainsAWholeTier(t *testing.T) {
	proxytest.WaitAbreast(t)
	const sessions = 20
	r := startTiers(t, 3, 2)
	r.openSessions(sessions)
	r.drain(0, Pace{PerSecond: 1000})
	r.waitOutcome(outcome.Drained, uint64(sessions-r.node(1).Open()))
	r.openSessions(1)
	r.wantOpen("while one of two drains", 0, r.node(1).Open(), 0)
	r.drain(1, Pace{PerSecond: 1000})
	r.waitOutcome(outcome.Drained, sessions+1)
	r.openSessions(sessions)
	r.wantOpen("when both drain", 0, 0, sessions)
}

func TestSessionsOfATierThatIsRemovedGoToTheNext(t *testing.T) {
	proxytest.WaitAbreast(t)
	r := startTiers(t, 2, 1, removedAt(1000))
	r.openSessions(10)
	r.wantOpen("before", 10, 0)
	backup := r.node(1).Address
	r.apply(r.pool(func(spec *balancer.PoolSpec) { spec.Nodes = spec.Nodes[1:] }))
	r.waitOutcome(outcome.Drained, 10)
	r.openSessions(10)
	if n := r.node(0); n.Address != backup || n.Open() != 10 {
		t.Errorf("%d sessions on %s", n.Open(), n.Address)
	}
}

// The whole story, with a storm at each end: the first tier goes down, its clients share the backups at the rate of
// these, and then each goes home to the node that it had.
func TestStormWhenTheFirstTierGoesDown(t *testing.T) {
	proxytest.WaitAbreast(t)
	const sessions, perSecond = 200, 200
	r := startTiers(t, 4, 2, paced(t, perSecond, balancer.Queue{Size: sessions, Time: time.Minute}), closeDown(10_000), rebalanceAt(perSecond))
	come := func() {
		t.Helper()
		var clients []*client
		for i := range sessions {
			c := r.dial()
			c.send(persistent(fmt.Sprint("device-", i)))
			clients = append(clients, c)
		}
		for _, c := range clients {
			c.expect(connack311)
		}
	}
	come()
	homes := [2]int64{r.node(0).Open(), r.node(1).Open()}
	if homes[0] < sessions/4 || homes[1] < sessions/4 || r.node(2).Open()+r.node(3).Open() > 0 {
		t.Fatalf("%v sessions at home", homes)
	}
	r.node(0).SetHealth(balancer.Down)
	r.node(1).SetHealth(balancer.Down)
	r.waitLine(`msg="later nodes are in use: no node before them is up" pool=pool in_use="a backup"`)
	r.waitOutcome(outcome.NodeDown, sessions)
	come()
	if c, d := r.node(2).Open(), r.node(3).Open(); c+d != sessions || c < sessions/4 || d < sessions/4 {
		t.Errorf("%d and %d sessions on the backups", c, d)
	}
	r.node(0).SetHealth(balancer.Up)
	r.node(1).SetHealth(balancer.Up)
	r.waitOutcome(outcome.Moved, sessions)
	r.waitLine(`msg="the first nodes are in use again" pool=pool`)
	come()
	eventually(t, "the end of the rebalance", func() bool { return !r.back().Active })
	r.wantOpen("at the end", homes[0], homes[1], 0, 0)
}
