package proxy

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// mayReturn returns how many sessions may return to a node as soon as it is up.
func (r *rig) mayReturn() int { return r.mayReturnAfter(time.Hour) }

// mayReturnAfter is mayReturn with another least age of the sessions whose home was ready when they came.
func (r *rig) mayReturnAfter(again time.Duration) (n int) {
	return r.mayReturnBy(waits{again: again})
}

// homing returns a copy of the homing in force.
func (r *rig) homing() homing {
	r.srv.drains.mu.Lock()
	defer r.srv.drains.mu.Unlock()
	return *r.srv.drains.rebalances["pool"].homing.Load()
}

// mayReturnBy is mayReturn with other waits.
func (r *rig) mayReturnBy(w waits) (n int) {
	h := r.homing()
	h.waits = &w
	for _, l := range r.srv.engine.loops {
		n += ask(l, func() (n int) {
			l.eachSession(func(s *session) {
				if home, _, _ := h.homeOf(l, s); home != nil {
					n++
				}
			})
			return n
		})
	}
	return n
}

// wantReturns waits until so many sessions may return, and no others.
func (r *rig) wantReturns(n int, when string) {
	r.t.Helper()
	eventually(r.t, when, func() bool { return r.mayReturn() == n })
}

// undecided is displaced with a rebalance that never begins.
func undecided(t *testing.T, n int, settings ...setting) (*rig, []*client) {
	t.Helper()
	r := prepare(t, []string{startNode(t, nil).address(), startNode(t, nil).address()}, append(settings, rebalanceAt(1))...)
	r.srv.waits.settle = time.Hour
	r.run()
	r.node(0).SetHealth(balancer.Down)
	return r, r.openAll(r.ofHome(0, n))
}

// openAll opens sessions with these identifiers.
func (r *rig) openAll(ids []string) (clients []*client) {
	for _, id := range ids {
		clients = append(clients, r.open(id))
	}
	return clients
}

func TestSessionsReturnOnlyFromANodeThatIsUpToOneThatTakesThem(t *testing.T) {
	r, _ := undecided(t, 5)
	r.openAll(r.ofHome(1, 3))
	r.wantReturns(0, "their first node is down")
	a, b := r.node(0), r.node(1)
	a.SetHealth(balancer.Up)
	r.wantReturns(5, "it is up again")
	for _, s := range []balancer.State{balancer.Draining, balancer.Down} {
		b.SetOperator(s)
		r.wantReturns(0, "their own node is drained: that is a matter of the drain")
		b.SetOperator(balancer.Up)
		a.SetOperator(s)
		r.wantReturns(0, "their first node takes no sessions")
		a.SetOperator(balancer.Up)
		r.wantReturns(5, "it takes them again")
	}
	r.apply(r.pool(func(s *balancer.PoolSpec) { s.Nodes[0].MaxConnections = 1 }))
	r.wantReturns(5, "it has a limit, and room")
	r.openAll(r.ofHome(0, 1))
	r.wantReturns(0, "it is full")
	r.apply(r.pool(func(s *balancer.PoolSpec) { s.Nodes[0].MaxConnections, s.SlowStart = 0, time.Hour }))
	r.wantReturns(0, "it is in its slow start")
	r.apply(r.pool(func(*balancer.PoolSpec) {}))
	r.wantReturns(5, "it has none")
	r.apply(r.on("", b.Address))
	r.wantReturns(0, "it is not in the pool")
}

// A session that comes when its first node is up, and does not reach it, does not return soon: it
// would only come again.
func TestNoSessionGoesInCircles(t *testing.T) {
	r, clients := undecided(t, 4)
	r.node(0).SetHealth(balancer.Up)
	r.wantReturns(4, "the node is up")
	r.apply(r.pool(func(s *balancer.PoolSpec) { s.Nodes[0].Address = refusing })) // the probes do not see it
	r.node(0).SetHealth(balancer.Down)
	r.node(0).SetHealth(balancer.Up)
	r.wantReturns(4, "the sessions from before")
	r.come(clients, r.ofHome(0, 4))
	if n := r.node(1).Open(); n < 4 {
		t.Fatalf("%d sessions are on the second node", n)
	}
	r.wantReturns(0, "they have tried")
	r.apply()
	r.node(1).SetOperator(balancer.Draining)
	r.node(1).SetOperator(balancer.Up)
	r.wantReturns(0, "another node and a reload change nothing for them")
	if n := r.mayReturnAfter(0); n != 4 {
		t.Errorf("%d sessions may return after a time", n)
	}
	r.apply(r.pool(func(s *balancer.PoolSpec) { s.Nodes[0].Weight, s.Nodes[1].Weight = 2, 2 }))
	r.wantReturns(4, "the pool has changed")
	r.come(clients, r.ofHome(0, 4))
	r.wantReturns(0, "they have tried again")
	r.node(0).SetHealth(balancer.Down)
	r.node(0).SetHealth(balancer.Up)
	r.wantReturns(4, "the node was down")
}

// Clients that come all at once when the process begins, and find no room, are elsewhere for the sake of load.
// Sent back, they would be absent a second time.
func TestSessionsThatFoundNoRoomAtFirstStay(t *testing.T) {
	r := prepare(t, []string{startNode(t, nil).address(), startNode(t, nil).address()}, rebalanceAt(1))
	r.srv.waits.settle = time.Hour
	r.run()
	r.apply(r.pool(func(s *balancer.PoolSpec) { s.Nodes[0].MaxConnections = 1 }))
	r.openAll(r.ofHome(0, 5))
	r.apply(r.pool(func(s *balancer.PoolSpec) { s.Nodes[0].MaxConnections = 0 }))
	if n := r.node(1).Open(); n != 4 {
		t.Fatalf("%d sessions found no room", n)
	}
	settled := func() waits { // the time to settle is just over
		return waits{again: time.Hour, settle: min(time.Since(r.homing().changed), r.node(0).SteadyFor())}
	}
	if n := r.mayReturnBy(settled()); n != 0 {
		t.Errorf("%d sessions may return", n)
	}
	r.node(0).SetHealth(balancer.Down)
	r.node(0).SetHealth(balancer.Up)
	if n := r.mayReturnBy(settled()); n != 4 {
		t.Errorf("%d sessions may return to a node that was down", n)
	}
}

// The client of a session must come to the same pool again.
func TestOnlyClientsThatComeBackToThePoolReturn(t *testing.T) {
	r, _ := undecided(t, 3, onFreeAddress(t), func(s *snapshot.Snapshot) { another("second", "tcp", "127.0.0.1:0")(s) })
	r.node(0).SetHealth(balancer.Up)
	r.wantReturns(3, "at first")
	r.apply(renamed("other"))
	r.wantReturns(3, "the listener has another name")
	r.apply(func(s *snapshot.Snapshot) { s.Listeners[0].Protocol = snapshot.TCP })
	r.wantReturns(0, "the listener does not read the identifier any more")
	r.apply(func(s *snapshot.Snapshot) { s.Listeners[0].Protocol = snapshot.MQTT })
	r.wantReturns(3, "it does again")
	r.apply(func(s *snapshot.Snapshot) { s.Listeners = s.Listeners[1:] })
	r.wantReturns(0, "the listener is gone")
}

func TestSessionsReturnByTheFieldThatThePoolHashes(t *testing.T) {
	long := strings.Repeat("l", loggedID)
	for name, c := range map[string]struct {
		algorithm balancer.Algorithm
		key       balancer.HashKey
		opaque    bool
		connect   func(r *rig, home func(key uint64) bool) *client // nil: no such session returns
		want      int
	}{
		"client_id": {connect: func(r *rig, home func(uint64) bool) *client {
			return r.openAs(r.dial(), mqttparse.V5, textOf(home, ""), "user")
		}, want: 1},
		"no client_id": {connect: func(r *rig, _ func(uint64) bool) *client { return r.openAs(r.dial(), mqttparse.V5, "", "user") }},
		"a long client_id": {connect: func(r *rig, home func(uint64) bool) *client {
			return r.openAs(r.dial(), mqttparse.V5, textOf(home, long), "user")
		}},
		"username": {key: balancer.ByUsername, connect: func(r *rig, home func(uint64) bool) *client {
			return r.openAs(r.dial(), mqttparse.V5, "client", textOf(home, ""))
		}, want: 1},
		"no username": {key: balancer.ByUsername, connect: func(r *rig, _ func(uint64) bool) *client { return r.openAs(r.dial(), mqttparse.V5, "client", "") }},
		"source_ip": {key: balancer.BySourceIP, connect: func(r *rig, home func(uint64) bool) *client {
			return r.openAs(r.dialFrom(addressOf(home)), mqttparse.V5, "client", "user")
		}, want: 1},
		"algorithm source_ip": {algorithm: balancer.SourceIP, connect: func(r *rig, home func(uint64) bool) *client {
			return r.openAs(r.dialFrom(addressOf(home)), mqttparse.V5, "client", "user")
		}, want: 1},
		"a tcp listener": {opaque: true, connect: func(r *rig, home func(uint64) bool) *client {
			return r.openAs(r.dialFrom(addressOf(home)), mqttparse.V5, "client", "user")
		}, want: 1},
		"tls_cn":            {key: balancer.ByTLSCN, connect: func(r *rig, _ func(uint64) bool) *client { return r.openAs(r.dial(), mqttparse.V5, "client", "user") }},
		"least_connections": {algorithm: balancer.LeastConnections, connect: func(r *rig, _ func(uint64) bool) *client { return r.openAs(r.dial(), mqttparse.V5, "client", "user") }},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := undecided(t, 0, func(s *snapshot.Snapshot) {
				p := s.Listeners[0].Pool
				p.Pool = rebuilt(t, p.Pool, func(spec *balancer.PoolSpec) { spec.Algorithm, spec.HashKey = c.algorithm, c.key })
				if c.opaque {
					s.Listeners[0].Protocol = snapshot.TCP
				}
			})
			first := r.node(0)
			client := c.connect(r, func(key uint64) bool { // whether the first node is the key's own
				first.SetHealth(balancer.Up)
				defer first.SetHealth(balancer.Down)
				home := r.snap.Listeners[0].Pool.Home(key)
				return home == nil || home == first
			})
			client.send([]byte("bytes"))
			client.expect([]byte("bytes"))
			first.SetHealth(balancer.Up)
			r.wantReturns(c.want, "the first node is up")
		})
	}
}

// textOf returns a text with this beginning whose key fulfils home.
func textOf(home func(uint64) bool, beginning string) string {
	text := beginning + "a"
	for !home(balancer.Hash([]byte(text))) {
		text += "a"
	}
	return text
}

// addressOf returns an address of loopback whose key fulfils home.
func addressOf(home func(uint64) bool) string {
	a := netip.MustParseAddr("127.0.0.1")
	for !home(balancer.HashAddr(a)) {
		a = a.Next()
	}
	return a.String()
}

// A client without an identifier is on a node by chance, also after the node has given it one.
func TestClientWithAnAssignedIdentifierStays(t *testing.T) {
	r := startLeaving(t, mqttToMQTT)
	r.settleAtOnce()
	r.apply(rebalanceAt(1000))
	c := r.dial()
	c.send([]byte("\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00"))
	node := r.nodeConn([]byte("\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00"))
	assigned := []byte("\x20\x08\x00\x00\x05\x12\x00\x02c1")
	node.send(assigned)
	c.expect(assigned)
	for letter := 'b'; letter < 'h'; letter++ {
		addresses := make([]string, letter-'a'+1)
		addresses[0], addresses[letter-'a'] = r.node(0).Address, "127.0.0.1:1"
		r.apply(r.on(addresses...))
		if n := r.mayReturn(); n != 0 {
			t.Fatalf("%d sessions may return to node-%c", n, letter)
		}
	}
	if n := r.outcomes(outcome.Moved); n != 0 {
		t.Errorf("%d sessions were moved", n)
	}
	_, _ = node.Close(), c.Close()
}
