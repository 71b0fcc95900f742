package balancer

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// newSpecPool builds a pool of n nodes, node-1 to node-n, with the settings of the spec.
func newSpecPool(t testing.TB, n int, spec PoolSpec) *Pool {
	t.Helper()
	spec.Name = "test"
	for i := range n {
		spec.Nodes = append(spec.Nodes, NodeSpec{Name: fmt.Sprint("node-", i+1), Address: "127.0.0.1:1"})
	}
	p, err := NewPool(spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// place opens a session of the client on its first candidate.
func place(p *Pool, client Client) *Node {
	c := p.Candidates(client)
	n := c.Next()
	n.Acquire()
	return n
}

// runForHours has the clock of the package run for two hours already.
func runForHours(t *testing.T) {
	before := began
	began = began.Add(-2 * time.Hour)
	t.Cleanup(func() { began = before })
}

// rampsAt has a node with a slow start come up so that the part of its ramp has passed.
func (n *Node) rampsAt(part float64) {
	n.condition.cameUp.Store(now() - int64(part*float64(n.slowStart)))
}

func TestNoNodeGetsMoreCleanSessionsThanItsMaxLoad(t *testing.T) {
	for _, maxLoad := range []float64{1.05, 1.25, 2} {
		for _, nodes := range []int{2, 3, 10, 50} {
			const clients = 10_000
			p := newSpecPool(t, nodes, PoolSpec{MaxLoad: maxLoad})
			moved, unlimited := 0, newSpecPool(t, nodes, PoolSpec{})
			for i := range clients {
				client := Client{Key: mix(uint64(i)), Keyed: true}
				if place(p, client).Name != place(unlimited, client).Name {
					moved++
				}
			}
			bound := int64(math.Ceil(maxLoad * clients / float64(nodes)))
			for _, n := range p.Nodes() {
				if n.Open() > bound {
					t.Errorf("max_load %v, %d nodes: %s has %d sessions, more than %d", maxLoad, nodes, n.Name, n.Open(), bound)
				}
			}
			// Keys spread with a deviation of sqrt(clients/nodes): 58 of 3,333, 10 of 100. What is over the bound at
			// the end must have moved, and at the beginning, when few sessions are there, others have.
			var over int64
			for _, n := range unlimited.Nodes() {
				over += max(n.Open()-bound, 0)
			}
			most := int64(clients / 10)
			if maxLoad == 1.05 {
				most = clients / 3
			}
			if int64(moved) < over || int64(moved) > most {
				t.Errorf("max_load %v, %d nodes: %d clients of %d moved; %d are over the bound", maxLoad, nodes, moved, clients, over)
			}
		}
	}
}

// One node has the double of its weight and the others half of the sessions.
func TestFairShareIsByWeightAmongTheNodesThatTakeSessions(t *testing.T) {
	p := newPool(t, ConsistentHash, "a:2", "b:1", "c:1", "d:4", "e:4")
	p.node("d").SetHealth(Down)
	p.node("e").condition.convict(now())
	for _, n := range p.Nodes() {
		for range 1000 {
			n.Acquire()
		}
	}
	for range 999 { // 3,999 of those that take sessions
		p.node("a").Acquire()
	}
	for name, want := range map[string]float64{"a": 2000, "b": 1000, "c": 1000} {
		if l := p.top.load(p.node(name)); l.fair != want {
			t.Errorf("%s: a fair share of %v, want %v", name, l.fair, want)
		}
	}
}

func TestPersistentClientsStayWithTheirNodeWhateverItsLoad(t *testing.T) {
	runForHours(t)
	p, plain := newSpecPool(t, 3, PoolSpec{MaxLoad: 1.25, SlowStart: time.Hour}), newSpecPool(t, 3, PoolSpec{})
	for range 1000 {
		p.nodes[0].Acquire()
	}
	p.nodes[1].rampsAt(0.1)
	for i := range 1000 {
		client := Client{Key: mix(uint64(i)), Keyed: true, Persistent: true}
		if got, want := candidateNames(p, client), candidateNames(plain, client); !slices.Equal(got, want) {
			t.Fatalf("key %d: %v, want %v", i, got, want)
		}
	}
}

// A node that was over its load gets clean sessions again only below the middle.
func TestOverloadedNodeMustFallBelowTheMiddle(t *testing.T) {
	p := newSpecPool(t, 2, PoolSpec{MaxLoad: 1.5})
	n, other := p.nodes[0], p.nodes[1]
	for range 99 {
		n.Acquire()
		other.Acquire()
	}
	var ofNode Client
	for i := 0; ofNode.Key == 0; i++ {
		if c := (Client{Key: mix(uint64(i)), Keyed: true, Persistent: true}); place(p, c) == n {
			ofNode = Client{Key: c.Key, Keyed: true}
			n.Release()
		} else {
			other.Release()
		}
	}
	goes := func(when string, want *Node) {
		t.Helper()
		if c := p.Candidates(ofNode); c.Next() != want {
			t.Errorf("%s, %d of %d sessions: the client does not go to %s", when, n.Open(), n.Open()+other.Open(), want.Name)
		}
	}
	goes("equal", n)
	move := func(to int64) { // of 198
		for n.Open() < to {
			n.Acquire()
			other.Release()
		}
		for n.Open() > to {
			n.Release()
			other.Acquire()
		}
	}
	for range 3 {
		move(149) // the bound is 1.5 * 199 / 2, rounded up
		goes("below the bound", n)
		move(150)
		goes("at the bound", other)
		move(149)
		goes("a little below the bound", other)
		move(125)
		goes("at the middle", other)
		move(124)
		goes("below the middle", n)
	}
}

// With few sessions, those of a few clients that come and go find the same nodes again.
func TestFewSessionsDoNotChangeTheirNodes(t *testing.T) {
	p := newSpecPool(t, 3, PoolSpec{MaxLoad: 1.25})
	homes := map[*Node]uint64{} // a client of each node
	for i := uint64(1); len(homes) < 3; i++ {
		homes[pick(newView(p), mix(i))] = mix(i)
	}
	for n, key := range homes {
		if got := place(p, Client{Key: key, Keyed: true}); got != n {
			t.Fatalf("the client of %s is on %s", n.Name, got.Name)
		}
	}
	for range 100 {
		for n, key := range homes {
			n.Release()
			if got := place(p, Client{Key: key, Keyed: true}); got != n {
				t.Fatalf("the client of %s came back to %s", n.Name, got.Name)
			}
		}
	}
}

// newView returns a pool with the nodes of p that limits no load.
func newView(p *Pool) *Pool {
	view := &Pool{Name: p.Name, nodes: p.nodes}
	view.top.rendezvous, view.top.pool, view.top.shares = p.top.rendezvous, view, p.top.shares
	return view
}

func TestIfAllAreOverTheirLoadTheKeyDecides(t *testing.T) {
	p := newSpecPool(t, 4, PoolSpec{MaxLoad: 1.25})
	for _, n := range p.nodes {
		n.count.overloaded.Store(true)
		for range 95 { // above the middle of a fair share of 95.25, were it not 1.125
			n.Acquire()
		}
	}
	for i := range 100 {
		key := mix(uint64(i))
		if got, want := names(p, key, true), candidateNames(newView(p), Client{Key: key, Keyed: true}); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	}
}

// The same clients come back first, and none leaves again while the ramp rises.
func TestShareOfARampOnlyGrows(t *testing.T) {
	runForHours(t)
	p := newSpecPool(t, 3, PoolSpec{SlowStart: time.Hour})
	back := p.nodes[1]
	const clients = 10_000
	home, here, orders := 0, make([]bool, clients), make([][]*Node, clients)
	for i := range clients {
		orders[i] = inKeyOrder(newView(p), mix(uint64(i)))
		if orders[i][0] == back {
			home++
		}
	}
	for part := 0.0; part < 1.15; part += 0.1 {
		back.rampsAt(part)
		count := 0
		for i := range clients {
			client := Client{Key: mix(uint64(i)), Keyed: true}
			want := orders[i]
			got := candidateNodes(p, client)
			switch {
			case got[0] == back:
				count++
				if want[0] != back {
					t.Fatalf("client %d of %s came to %s", i, want[0].Name, back.Name)
				}
			case here[i]:
				t.Fatalf("at %v client %d went away again", part, i)
			case want[0] != back && !slices.Equal(got, withLast(want, back)) && !slices.Equal(got, want):
				t.Fatalf("client %d of %s: %v", i, want[0].Name, got)
			}
			here[i] = got[0] == back
		}
		if share := float64(count) / float64(home); math.Abs(share-min(part, 1)) > 0.03 {
			t.Errorf("at %.2f of the ramp %.2f of the clients are back", part, share)
		}
	}
}

// withLast returns the nodes in their order, but n at the end.
func withLast(nodes []*Node, n *Node) []*Node {
	return append(slices.DeleteFunc(slices.Clone(nodes), func(m *Node) bool { return m == n }), n)
}

// The load of a node counts as if divided by its ramp.
func TestRampLimitsTheShareOfEveryAlgorithm(t *testing.T) {
	runForHours(t)
	for _, a := range algorithms {
		p := newSpecPool(t, 3, PoolSpec{Algorithm: a, SlowStart: time.Hour})
		p.nodes[0].rampsAt(0.25)
		const sessions = 9000
		for i := range sessions {
			place(p, Client{Key: mix(uint64(i)), Keyed: true})
		}
		fair := sessions * 0.25 / 2.25 // least_connections gives it so much
		if p.HashKey != NoKey {
			fair = sessions / 3 * 0.25
		}
		if got := float64(p.nodes[0].Open()); math.Abs(got-fair) > 0.2*fair {
			t.Errorf("%v: at a quarter of its ramp a node has %v of %d sessions, want %.0f", a, got, sessions, fair)
		}
	}
}

func TestPoolChecksItsMaxLoad(t *testing.T) {
	for _, row := range []struct {
		algorithm Algorithm
		maxLoad   float64
		good      bool
	}{
		{ConsistentHash, 0, true}, {ConsistentHash, 1.05, true}, {SourceIP, 10, true},
		{ConsistentHash, 1.04, false}, {ConsistentHash, 10.1, false}, {ConsistentHash, -1, false}, {ConsistentHash, math.NaN(), false},
		{ConsistentHash, math.Inf(1), false}, {LeastConnections, 1.25, false}, {RoundRobin, 1.25, false}, {RandomTwo, 1.25, false},
	} {
		_, err := NewPool(PoolSpec{Name: "p", Algorithm: row.algorithm, MaxLoad: row.maxLoad, Nodes: []NodeSpec{{Name: "a", Address: "127.0.0.1:1"}}})
		if (err == nil) != row.good {
			t.Errorf("%v with max_load %v: %v", row.algorithm, row.maxLoad, err)
		}
	}
}
