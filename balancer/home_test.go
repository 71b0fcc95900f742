package balancer

import (
	"fmt"
	"testing"
	"time"
)

// poolOf builds a pool.
func poolOf(t *testing.T, spec PoolSpec) *Pool {
	t.Helper()
	p, err := NewPool(spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// threeNodes are the nodes of a pool for tests of homes.
func threeNodes(slowStart time.Duration) PoolSpec {
	return PoolSpec{Name: "p", SlowStart: slowStart, Nodes: []NodeSpec{
		{Name: "a", Address: "127.0.0.1:1"}, {Name: "b", Address: "127.0.0.1:1", Weight: 3, MaxConnections: 1}, {Name: "c", Address: "127.0.0.1:1"},
	}}
}

func TestHomeIsTheFirstNodeInKeyOrderThatIsUp(t *testing.T) {
	p := poolOf(t, threeNodes(0))
	for i := range 1000 {
		key := Hash(fmt.Append(nil, i))
		order := p.byKey(key)
		for down := range order {
			if home := p.Home(key); home != order[down] {
				t.Fatalf("key %d, without %d nodes: %v, want %s", i, down, home, order[down].Name)
			}
			order[down].SetHealth(Down)
		}
		if home := p.Home(key); home != nil {
			t.Fatalf("with no node up: %s", home.Name)
		}
		for _, n := range order {
			n.SetHealth(Up)
		}
	}
	_ = p.node("b").Acquire()
	home := p.Home(keyOf(t, p, "b"))
	if back, now := home.TakesBack(); home.Name != "b" || back || now {
		t.Errorf("a node that is full is the home, and takes nothing back: %s", home.Name)
	}
	spec := threeNodes(0)
	spec.Algorithm = RandomTwo
	if home := poolOf(t, spec).Home(1); home != nil {
		t.Errorf("a pool that hashes no field has the home %s", home.Name)
	}
}

// keyOf returns a key whose first node is that of the name.
func keyOf(t *testing.T, p *Pool, name string) uint64 {
	t.Helper()
	for key := range uint64(1000) {
		if p.byKey(key)[0].Name == name {
			return key
		}
	}
	t.Fatalf("no key has the first node %s", name)
	return 0
}

func TestPoolsWithOtherNodesWeightsOrKeysHaveOtherHomes(t *testing.T) {
	p := poolOf(t, threeNodes(0))
	for what, change := range map[string]func(*PoolSpec){
		"a node less":     func(s *PoolSpec) { s.Nodes = s.Nodes[:2] },
		"a node more":     func(s *PoolSpec) { s.Nodes = append(s.Nodes, NodeSpec{Name: "d", Address: "127.0.0.1:1"}) },
		"another name":    func(s *PoolSpec) { s.Nodes[2].Name = "d" },
		"another weight":  func(s *PoolSpec) { s.Nodes[2].Weight = 2 },
		"another key":     func(s *PoolSpec) { s.HashKey = ByUsername },
		"no hash":         func(s *PoolSpec) { s.Algorithm = RoundRobin },
		"":                func(*PoolSpec) {},
		" other address":  func(s *PoolSpec) { s.Nodes[0].Address = "127.0.0.1:2" },
		" other order":    func(s *PoolSpec) { s.Nodes[0], s.Nodes[2] = s.Nodes[2], s.Nodes[0] },
		" other max":      func(s *PoolSpec) { s.Nodes[0].MaxConnections = 5 },
		" weight written": func(s *PoolSpec) { s.Nodes[0].Weight = 1 },
	} {
		spec := threeNodes(0)
		change(&spec)
		same := what == "" || what[0] == ' '
		if other := poolOf(t, spec); p.SameHomes(other) != same || other.SameHomes(p) != same {
			t.Errorf("%s: want the same homes: %t", what, same)
		}
	}
}

func TestNodeIsSteadyOnceItsSlowStartIsOver(t *testing.T) {
	const slow = time.Hour
	n := poolOf(t, threeNodes(slow)).node("a")
	if since := n.SteadyFor(); since < 0 {
		t.Errorf("a node that was never down is steady for %v", since)
	}
	for name, set := range map[string]func(State){"operator": n.SetOperator, "health": n.SetHealth} {
		n.operator.cameUp.Store(0)
		n.condition.cameUp.Store(0)
		set(Down)
		set(Up)
		for _, want := range []time.Duration{-slow, -slow / 2, 0, slow / 2} {
			if got := n.SteadyFor(); got < want || got > want+time.Minute {
				t.Errorf("%s: steady for %v, want %v", name, got, want)
			}
			n.operator.cameUp.Add(-int64(slow / 2))
			n.condition.cameUp.Add(-int64(slow / 2))
		}
	}
}
