package proxy

import (
	"io"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
)

// refused checks that a new client is refused with the outcome, for the nth time.
func (r *rig) refused(o outcome.Outcome, nth uint64) {
	r.t.Helper()
	c := r.dial()
	c.send(connect311)
	c.rest()
	_ = c.Close()
	r.waitOutcome(o, nth)
}

// A limit below the number of open sessions ends none of them. It admits nobody until there is room.
func TestMaxConnectionsIsLoweredAndRaised(t *testing.T) {
	for name, limit := range map[string]func(int) setting{
		"of the process":  func(n int) setting { return func(s *snapshot.Snapshot) { s.MaxConnections = n } },
		"of the listener": func(n int) setting { return func(s *snapshot.Snapshot) { s.Listeners[0].MaxConnections = n } },
		"of both": func(n int) setting {
			return func(s *snapshot.Snapshot) { s.MaxConnections, s.Listeners[0].MaxConnections = n, n }
		},
		"under other names": func(n int) setting {
			return func(s *snapshot.Snapshot) { s.Listeners[0].MaxConnections, s.Listeners[0].Name = n, "other" }
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, []string{startNode(t, nil).address()}, onFreeAddress(t))
			r.forgotten = true
			a, b := r.open("a"), r.open("b")
			r.apply(limit(1))
			r.refused(outcome.RefusedConnections, 1)
			_ = a.Close()
			r.waitOutcome(outcome.ClientClosed, 1)
			r.refused(outcome.RefusedConnections, 2)
			r.apply(limit(2))
			c := r.open("c")
			r.refused(outcome.RefusedConnections, 3)
			r.apply(limit(10))
			for _, c := range []*client{b, c, r.open("d")} {
				c.send([]byte("bytes"))
				c.expect([]byte("bytes"))
			}
		})
	}
}

func TestConnectRateChanges(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()})
	rate := func(n int) setting { return func(s *snapshot.Snapshot) { s.ConnectRate = n } }
	r.open("a")
	r.apply(rate(1))
	for connack := make([]byte, 4); connack[3] == 0; { // one client a second passes
		c := r.dial()
		c.send(connect311)
		if _, err := io.ReadFull(c, connack); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
	r.waitOutcome(outcome.RefusedRate, 1)
	r.apply(rate(0))
	for range 20 {
		r.open("b")
	}
	if n := r.outcomes(outcome.RefusedRate); n != 1 {
		t.Errorf("%d refused, want the one of before", n)
	}
}

// Connections are counted from when there is a limit until they end. Earlier ones are not counted.
func TestLimitsOfAnAddressAreTurnedOnAndOff(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()})
	most := func(n int) setting { return func(s *snapshot.Snapshot) { s.MaxConnectionsPerAddress = n } }
	before := r.open("before")
	r.apply(most(2))
	first, second := r.open("first"), r.open("second")
	r.refused(outcome.RefusedAddress, 1)
	r.apply(most(3))
	third := r.open("third")
	r.refused(outcome.RefusedAddress, 2)
	r.apply(most(1))
	r.refused(outcome.RefusedAddress, 3)
	r.apply(most(0))
	uncounted := r.open("uncounted")
	_ = first.Close()
	r.waitOutcome(outcome.ClientClosed, 1)
	r.apply(most(3))
	again := r.open("again")
	r.refused(outcome.RefusedAddress, 4)
	for _, c := range []*client{before, second, third, uncounted, again} {
		_ = c.Close()
	}
	r.waitOutcome(outcome.ClientClosed, 6)
	if n := r.srv.addresses.count().open; n != 0 {
		t.Errorf("%d addresses are counted", n)
	}
	r.apply(most(0), func(s *snapshot.Snapshot) { s.ConnectRatePerAddress = 1 })
	r.open("rated")
	r.refused(outcome.RefusedAddressRate, 1)
	r.apply(func(s *snapshot.Snapshot) { s.ConnectRatePerAddress = 0 })
	r.open("not rated")
}

func TestOpeningMemoryIsLowered(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()})
	open := r.open("open")
	half := r.dial()
	half.send(connect311[:5])
	eventually(t, "an opening that holds memory", func() bool { return r.srv.openingMemory.used() > 0 })
	r.apply(func(s *snapshot.Snapshot) { s.OpeningMemory = 1 })
	half.rest()
	r.waitOutcome(outcome.RefusedOpening, 1)
	open.send([]byte("bytes"))
	open.expect([]byte("bytes"))
	r.open("whole at once")
}

// used returns the bytes that the openings hold.
func (m *openingMemory) used() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held
}

// The rest of a CONNECT may arrive before the loop learns of the eviction.
func TestOpeningThatEndsBeforeItsEvictionGoesOn(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()})
	half := r.dial()
	half.send(connect311[:5])
	eventually(t, "an opening that holds memory", func() bool { return r.srv.openingMemory.used() > 0 })
	release := make(chan struct{})
	for _, l := range r.srv.engine.loops {
		l.Do(func() {
			<-release
			r.srv.openingMemory.setLimit(1)
			l.eachSession(func(s *session) { l.event(s, &s.client, reactor.Input) }) // before the mail of its eviction
		})
	}
	half.send(connect311[5:])
	close(release)
	half.expect(connack311)
	half.send([]byte("bytes"))
	half.expect([]byte("bytes"))
	if n := r.outcomes(outcome.RefusedOpening); n != 0 {
		t.Errorf("%d openings were evicted", n)
	}
}

// An opening keeps the time limit of the snapshot that accepted it, whether the limit grows or
// shrinks.
func TestOpeningKeepsItsTime(t *testing.T) {
	within := func(d time.Duration) setting {
		return func(s *snapshot.Snapshot) { s.Timeouts.ConnectPacket = d }
	}
	r := start(t, []string{startNode(t, nil).address()}, within(time.Hour))
	long := r.dial()
	long.send(connect311[:5])
	eventually(t, "the opening", func() bool { return r.numbers("mqtt").Open == 1 })
	r.apply(within(100 * time.Millisecond))
	short := r.dial()
	short.send(connect311[:5])
	short.rest()
	r.waitOutcome(outcome.ConnectTimeout, 1)
	r.apply(within(time.Hour))
	long.send(connect311[5:])
	long.expect(connack311)
}

// The count of a node's sessions continues in later pools, whatever else changes.
func TestMaxConnectionsOfANodeCountsWhatIsOpen(t *testing.T) {
	a, b := startNode(t, nil), startNode(t, nil)
	r := start(t, []string{a.address()})
	spec := func(change func(*balancer.NodeSpec)) setting {
		return r.pool(func(p *balancer.PoolSpec) { change(&p.Nodes[0]) })
	}
	first, second := r.open("first"), r.open("second")
	r.apply(spec(func(n *balancer.NodeSpec) { n.MaxConnections = 2 }))
	r.refused(outcome.NodesFull, 1)
	r.apply(spec(func(n *balancer.NodeSpec) { n.Address, n.Weight = b.address(), 7 }))
	r.refused(outcome.NodesFull, 2)
	_ = first.Close()
	r.waitOutcome(outcome.ClientClosed, 1)
	third := r.open("third")
	r.refused(outcome.NodesFull, 3)
	r.apply(spec(func(n *balancer.NodeSpec) { n.MaxConnections = 3 }), r.pool(func(p *balancer.PoolSpec) { p.Algorithm = balancer.RandomTwo }))
	for _, c := range []*client{second, third, r.open("fourth")} {
		c.send([]byte("bytes"))
		c.expect([]byte("bytes"))
	}
	if n := len(b.firstWrites()); n != 2 {
		t.Errorf("%d sessions at the new address, want 2", n)
	}
}
