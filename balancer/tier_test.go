package balancer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// newTieredPool builds a pool of nodes given as name:priority; the priority of a backup begins with b.
func newTieredPool(t testing.TB, spec PoolSpec, nodes ...string) *Pool {
	t.Helper()
	for i, s := range nodes {
		name, priority, _ := strings.Cut(s, ":")
		n := NodeSpec{Name: name, Address: fmt.Sprintf("127.0.0.1:%d", 1883+i)}
		priority, n.Backup = strings.CutPrefix(priority, "b")
		if priority != "" {
			if _, err := fmt.Sscan(priority, &n.Priority); err != nil {
				t.Fatal(err)
			}
		}
		spec.Nodes = append(spec.Nodes, n)
	}
	return newTestPool(t, spec)
}

// tieredNodes are three tiers of two nodes, in the order of their tiers.
var tieredNodes = []string{"a1:1", "a2:1", "b1:7", "b2:7", "c1:b", "c2:b"}

func TestSessionsGoToTheFirstTierWithANodeThatIsUp(t *testing.T) {
	for _, a := range algorithms {
		p := newTieredPool(t, PoolSpec{Algorithm: a}, "c1:b", "b1:7", "a1:1", "b2:7", "a2:1", "c2:b")
		expect := func(when string, want ...string) {
			t.Helper()
			for i := range 200 {
				for _, keyed := range []bool{true, false} {
					got := names(p, mix(uint64(i)), keyed)
					slices.Sort(got)
					if !slices.Equal(got, want) {
						t.Fatalf("%v, keyed %v, %s: %v, want %v", a, keyed, when, got, want)
					}
				}
			}
		}
		expect("all up", "a1", "a2")
		p.node("a1").SetHealth(Down)
		expect("one of the first down", "a2")
		p.node("a2").SetOperator(Draining)
		expect("the first tier has none", "b1", "b2")
		p.node("b1").SetHealth(Draining)
		p.node("b2").SetOperator(Down)
		expect("the second has none, either", "c1", "c2")
		p.node("a2").SetOperator(Up)
		expect("the first one is back", "a2")
	}
}

func TestPrecedenceOfBackupsIsAfterEveryPriority(t *testing.T) {
	p := newTieredPool(t, PoolSpec{}, "spare2:b1", "low:65535", "spare1:b0", "high:0")
	for i, want := range []string{"high", "low", "spare1", "spare2"} {
		in, place := p.InUse()
		if got := pick(p, 1); got.Name != want || place != i+1 || in != got.Precedence {
			t.Fatalf("%s with precedence %+v in use, want %s", got.Name, in, want)
		}
		p.node(want).SetHealth(Down)
	}
	if _, place := p.InUse(); place != 0 {
		t.Error("a tier is in use, but no node is up")
	}
}

func TestPriorityOutOfRangeIsRefused(t *testing.T) {
	for _, priority := range []int{-1, MaxPriority + 1} {
		_, err := NewPool(PoolSpec{Name: "x", Nodes: []NodeSpec{{Name: "a", Address: "127.0.0.1:1", Priority: priority}}})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf(`pool "x": node "a": priority %d is not from 0 to 65535`, priority)) {
			t.Errorf("%d: %v", priority, err)
		}
	}
}

// A session that can reach none of the nodes goes on to the next tier, and so forth.
func TestTiersBelow(t *testing.T) {
	for _, a := range algorithms {
		p := newTieredPool(t, PoolSpec{Algorithm: a}, tieredNodes...)
		for i := range 200 {
			p.node("b2").SetHealth(State(i % 3))
			start := p.Candidates(Client{Key: mix(uint64(i)), Keyed: i%2 > 0})
			var got []string
			for c, ok := start, true; ok; c, ok = start.Below(&c) {
				var tier []string
				for n := c.Next(); n != nil; n = c.Next() {
					tier = append(tier, n.Name)
				}
				slices.Sort(tier)
				got = append(got, strings.Join(tier, "+"))
			}
			want := "a1+a2 b1+b2 c1+c2"
			if i%3 != 0 {
				want = "a1+a2 b1 c1+c2"
			}
			if s := strings.Join(got, " "); s != want {
				t.Fatalf("%v: %s, want %s", a, s, want)
			}
		}
	}
}

// Nodes of the tiers above were up, and tried: what is down is no last resort then.
func TestNoLastResortBelow(t *testing.T) {
	for _, a := range algorithms {
		p := newTieredPool(t, PoolSpec{Algorithm: a}, tieredNodes...)
		start := p.Candidates(Client{Key: 42, Keyed: true})
		c := start
		for n := c.Next(); n != nil; n = c.Next() {
		}
		for _, n := range p.Nodes() {
			n.SetHealth(Down)
		}
		below, ok := start.Below(&c)
		if !ok {
			t.Fatalf("%v: there is no tier below", a)
		}
		if n := below.Next(); n != nil {
			t.Errorf("%v: %s, which is down", a, n.Name)
		}
		if _, ok := start.Below(&below); ok {
			t.Errorf("%v: there is a tier below the last", a)
		}
	}
}

// In the last resort, nodes that drain by themselves come first, because they work, and then the tiers in order.
func TestLastResortGoesThroughTheTiersInOrder(t *testing.T) {
	for _, a := range algorithms {
		p := newTieredPool(t, PoolSpec{Algorithm: a}, tieredNodes...)
		for _, n := range p.Nodes() {
			n.SetHealth(Down)
		}
		p.node("b2").SetHealth(Draining)
		p.node("c1").SetHealth(Draining)
		p.node("c2").SetOperator(Draining)
		for i := range 200 {
			got := names(p, mix(uint64(i)), i%2 > 0)
			if len(got) == 5 {
				slices.Sort(got[2:4])
			}
			if s := strings.Join(got, " "); s != "b2 c1 a1 a2 b1" {
				t.Fatalf("%v: %s", a, s)
			}
		}
	}
}

func TestPoolWithoutNodes(t *testing.T) {
	for _, a := range algorithms {
		p := newTestPool(t, PoolSpec{Name: "empty", Algorithm: a, Outliers: true, SlowStart: 1})
		new(Registry).Join(p)
		for _, client := range []Client{{}, {Key: 42, Keyed: true}, {Key: 42, Keyed: true, Persistent: true}} {
			c := p.Candidates(client)
			if n := c.Next(); n != nil {
				t.Errorf("%v: candidate %s", a, n.Name)
			}
			if _, ok := c.Below(&c); ok {
				t.Errorf("%v: it has a tier below", a)
			}
			if choices := p.Explain(client); len(choices) != 0 {
				t.Errorf("%v: %v", a, choices)
			}
		}
		_, place := p.InUse()
		if p.Up() != 0 || place != 0 || p.HasOtherUp("x") || p.Home(1) != nil || len(p.Nodes()) != 0 || len(p.Judge())+len(p.JudgeAnswers()) != 0 {
			t.Errorf("%v: something is up", a)
		}
		if !p.SameHomes(newTestPool(t, PoolSpec{Algorithm: a})) || p.SameHomes(newTieredPool(t, PoolSpec{Algorithm: a}, "a")) {
			t.Errorf("%v: its homes are not those of another without nodes", a)
		}
	}
}
