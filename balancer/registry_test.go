package balancer

import (
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"weak"
)

// joined builds a pool and joins it to r.
func joined(t testing.TB, r *Registry, name string, nodes ...NodeSpec) *Pool {
	t.Helper()
	p, err := NewPool(PoolSpec{Name: name, Nodes: nodes})
	if err != nil {
		t.Fatal(err)
	}
	r.Join(p)
	return p
}

func TestOperatorsWordIsThatOfTheNameInEveryPool(t *testing.T) {
	var r Registry
	mqtt := joined(t, &r, "mqtt", NodeSpec{Name: "a", Address: "127.0.0.1:1883"}, NodeSpec{Name: "b", Address: "127.0.0.2:1883"})
	ws := joined(t, &r, "ws", NodeSpec{Name: "a", Address: "127.0.0.1:8083"})
	mqtt.node("a").SetOperator(Draining)
	later := joined(t, &r, "http", NodeSpec{Name: "a", Address: "127.0.0.9:80"})
	for _, p := range []*Pool{mqtt, ws, later} {
		if got := p.node("a").Operator(); got != Draining {
			t.Errorf("pool %s: a is %v", p.Name, got)
		}
	}
	ws.node("a").SetOperator(Down)
	if got := mqtt.node("a").State(); got != Down {
		t.Errorf("a is %v", got)
	}
	if got := mqtt.node("b").Operator(); got != Up {
		t.Errorf("b is %v", got)
	}
}

func TestOpenSessionsAreThoseOfTheNameInThePool(t *testing.T) {
	var r Registry
	before := joined(t, &r, "mqtt", NodeSpec{Name: "a", Address: "127.0.0.1:1883"}).node("a")
	other := joined(t, &r, "ws", NodeSpec{Name: "a", Address: "127.0.0.1:1883"}).node("a")
	for range 3 {
		before.Acquire()
	}
	after := joined(t, &r, "mqtt", NodeSpec{Name: "a", Address: "127.0.0.2:1883", MaxConnections: 4}).node("a")
	if after.Open() != 3 || other.Open() != 0 {
		t.Fatalf("%d open after the change, %d in the other pool", after.Open(), other.Open())
	}
	if !after.Acquire() || after.Acquire() {
		t.Error("the limit of the new node does not count the sessions of the old one")
	}
	if !before.Acquire() {
		t.Error("the old node has got the limit of the new one")
	}
	for range 4 {
		before.Release() // also a session counted by the new node
	}
	after.Release()
	if before.Open() != 0 || after.Open() != 0 {
		t.Errorf("%d and %d open after all were released", before.Open(), after.Open())
	}
}

func TestHealthAndAddressesAreThoseOfTheAddress(t *testing.T) {
	var r Registry
	at := netip.MustParseAddrPort("127.0.0.7:1883")
	before := joined(t, &r, "mqtt",
		NodeSpec{Name: "stays", Address: "one.example:1883"},
		NodeSpec{Name: "moves", Address: "two.example:1883"},
		NodeSpec{Name: "port", Address: "127.0.0.1:1883"},
	)
	for _, n := range before.Nodes() {
		n.SetHealth(Down)
		n.SetAddrs([]netip.AddrPort{at})
	}
	after := joined(t, &r, "mqtt",
		NodeSpec{Name: "stays", Address: "one.example:1883", Weight: 9},
		NodeSpec{Name: "moves", Address: "three.example:1883"},
		NodeSpec{Name: "port", Address: "127.0.0.1:1884"},
	)
	elsewhere := joined(t, &r, "ws", NodeSpec{Name: "stays", Address: "one.example:1883"})
	for _, row := range []struct {
		node    *Node
		healthy bool
		addrs   string
		same    bool
	}{
		{after.node("stays"), false, "[127.0.0.7:1883]", true},
		{after.node("moves"), true, "[]", false},
		{after.node("port"), true, "[127.0.0.1:1884]", false},
		{elsewhere.node("stays"), true, "[]", false},
	} {
		n, old := row.node, before.node(row.node.Name)
		if (n.Health() == Up) != row.healthy || fmt.Sprint(n.Addrs()) != row.addrs || n.Same(old) != row.same {
			t.Errorf("%s at %s: healthy %v, %v, same %v", n.Name, n.Address, n.Health() == Up, n.Addrs(), n.Same(old))
		}
	}
	after.node("stays").SetHealth(Up)
	after.node("moves").SetAddrs([]netip.AddrPort{netip.MustParseAddrPort("127.0.0.8:1883")})
	if n := before.node("stays"); n.Health() != Up {
		t.Error("the old node does not see what the new one is told")
	}
	if n := before.node("moves"); n.Addrs()[0] != at {
		t.Error("the old address of a node has become the new one")
	}
}

func TestNodeOfAPoolThatJoinedNothingIsItsOwn(t *testing.T) {
	a, b := newPool(t, RandomTwo, "a").node("a"), newPool(t, RandomTwo, "a").node("a")
	a.SetOperator(Down)
	a.SetHealth(Down)
	a.Acquire()
	if b.State() != Up || b.Open() != 0 || a.Same(b) || !a.Same(a) {
		t.Errorf("%v, %d open, same %v", b.State(), b.Open(), a.Same(b))
	}
}

// collected runs the garbage collector until the registry is empty.
func collected(r *Registry) bool {
	for range 10_000 {
		runtime.GC()
		if r.operators.size()+r.counts.size()+r.conditions.size() == 0 {
			return true
		}
		runtime.Gosched() // lets the cleanups run
	}
	return false
}

func (t *table[K, S]) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.states)
}

func TestStateLivesAsLongAsANodeOfAnyGeneration(t *testing.T) {
	var r Registry
	spec := NodeSpec{Name: "a", Address: "127.0.0.1:1883"}
	held := joined(t, &r, "mqtt", spec).node("a") // a session holds the node; its pool is garbage
	held.SetOperator(Draining)
	held.SetHealth(Down)
	held.Acquire()
	for range 5 {
		joined(t, &r, "mqtt", spec)
		joined(t, &r, "mqtt", NodeSpec{Name: "b", Address: "127.0.0.1:1884"})
		runtime.GC()
	}
	n := joined(t, &r, "mqtt", spec).node("a")
	if n.Operator() != Draining || n.Health() == Up || n.Open() != 1 || !n.Same(held) {
		t.Errorf("operator %v, healthy %v, %d open, same %v", n.Operator(), n.Health() == Up, n.Open(), n.Same(held))
	}
	runtime.KeepAlive(held)
}

func TestRegistryForgetsWhatNoNodeHas(t *testing.T) {
	var r Registry
	for i := range 100 {
		p := joined(t, &r, "mqtt", NodeSpec{Name: fmt.Sprint("node-", i), Address: "127.0.0.1:1883"})
		p.Nodes()[0].SetOperator(Down)
	}
	if !collected(&r) {
		t.Fatalf("%d, %d and %d entries are left", r.operators.size(), r.counts.size(), r.conditions.size())
	}
	if n := joined(t, &r, "mqtt", NodeSpec{Name: "node-1", Address: "127.0.0.1:1883"}).Nodes()[0]; n.Operator() != Up {
		t.Error("a node that was forgotten is not up")
	}
}

// A cleanup runs some time after its state was collected. The key may have a new state by
// then.
func TestLateCleanupLeavesTheNewState(t *testing.T) {
	var states table[string, condition]
	gone, here := new(condition), new(condition)
	late := tableEntry[string, condition]{"a", weak.Make(gone)}
	states.join("a", here)
	states.forget(late)
	if states.join("a", new(condition)) != here {
		t.Error("the new state was forgotten")
	}
}

// Pools join while others are collected. All who hold a node share its state.
func TestPoolsJoinAtTheSameTime(t *testing.T) {
	var r Registry
	const builders, rounds, sessions = 8, 200, 3
	var building sync.WaitGroup
	for range builders {
		building.Go(func() {
			for i := range rounds {
				spec := NodeSpec{Name: fmt.Sprint("node-", i%3), Address: "127.0.0.1:1883"}
				one, two := joined(t, &r, "mqtt", spec).Nodes()[0], joined(t, &r, "mqtt", spec).Nodes()[0]
				if !one.Same(two) {
					t.Error("two nodes at the same time do not share their state")
				}
				for range sessions {
					one.Acquire()
					two.Release()
				}
				if i%20 == 0 {
					runtime.GC()
				}
				runtime.KeepAlive(one)
			}
		})
	}
	building.Wait()
	if n := joined(t, &r, "mqtt", NodeSpec{Name: "node-0", Address: "127.0.0.1:1883"}).Nodes()[0]; n.Open() != 0 {
		t.Errorf("%d open", n.Open())
	}
	if !collected(&r) {
		t.Errorf("%d, %d and %d entries are left", r.operators.size(), r.counts.size(), r.conditions.size())
	}
}
