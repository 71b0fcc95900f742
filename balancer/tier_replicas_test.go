package balancer

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Two replicas have the same file, and their health checks the same answers: they agree on the node of each
// client, whatever the order of the nodes, before, during and after changes of the set and of the health.
func TestReplicasAgreeOnTiers(t *testing.T) {
	const fleetSize = 100_000
	keys := fleets[1].keys()[:fleetSize]
	set := []string{"emqx-1:10", "emqx-2:10", "emqx-3:10", "near-1:20", "near-2:20", "far-1:b", "far-2:b", "far-3:b"}
	replicas := func(nodes ...string) [2]*Pool {
		reversed := slices.Clone(nodes)
		slices.Reverse(reversed)
		return [2]*Pool{newTieredPool(t, PoolSpec{Name: "tcp"}, nodes...), newTieredPool(t, PoolSpec{Name: "ws", MaxLoad: 2}, reversed...)}
	}
	homes := func(when string, both [2]*Pool) (nodes []string) {
		t.Helper()
		nodes = make([]string, fleetSize)
		for i, key := range keys {
			c := both[1].Candidates(Client{Key: key, Keyed: true, Persistent: true})
			a, b, home := pick(both[0], key), c.Next(), both[0].Home(key)
			if a.Name != b.Name || home != a {
				t.Fatalf("%s: the client %d has the nodes %s and %s, and the home %s", when, i, a.Name, b.Name, home.Name)
			}
			nodes[i] = a.Name
		}
		return nodes
	}
	down := func(both [2]*Pool, names ...string) {
		for _, p := range both {
			for _, n := range p.Nodes() {
				n.SetHealth(pickState(!slices.Contains(names, n.Name)))
			}
		}
	}
	same := func(when string, a, b []string, except ...string) {
		t.Helper()
		moved := 0
		for i := range a {
			if a[i] != b[i] && !slices.Contains(except, a[i]) && !slices.Contains(except, b[i]) {
				t.Fatalf("%s: the client %d moved from %s to %s", when, i, a[i], b[i])
			}
			if a[i] != b[i] {
				moved++
			}
		}
		if moved > 0 != (len(except) > 0) {
			t.Errorf("%s: %d clients moved", when, moved)
		}
	}
	both := replicas(set...)
	all := homes("all up", both)
	down(both, "emqx-2", "far-1")
	same("a node is down", all, homes("a node is down", both), "emqx-2")
	down(both, "near-1", "near-2", "far-1", "far-2", "far-3")
	same("later tiers are down", all, homes("later tiers are down", both))
	first := []string{"emqx-1", "emqx-2", "emqx-3"}
	down(both, first...)
	second := homes("the first tier is down", both)
	same("the second tier alone", second, homes("the second tier alone", replicas("near-1", "near-2")))
	down(both, append(first, "near-1", "near-2")...)
	same("the backups alone", homes("the second tier is down, too", both), homes("the backups alone", replicas("far-1", "far-2", "far-3")))
	down(both)
	same("all are back", all, homes("all are back", both))

	grown := replicas(append(slices.Clone(set), "emqx-4:10", "far-4:b")...)
	same("nodes are added", all, homes("nodes are added", grown), "emqx-4")
	down(grown, append(first, "emqx-4")...)
	same("a later tier did not change", second, homes("the grown tier is down", grown))
	same("nodes are removed", all, homes("nodes are removed", replicas("emqx-1:10", "emqx-2:10", "near-1:20", "far-1:b")), "emqx-3")
	same("other numbers, the same order", all, homes("other numbers", replicas("emqx-1:3", "emqx-2:3", "emqx-3:3", "near-1:4", "near-2:4", "far-1:9")))
}

func TestHomesAreThoseOfAnotherPoolWithTheSameTiers(t *testing.T) {
	p := newTieredPool(t, PoolSpec{}, "a:1", "b:1", "c:2", "d:b")
	for _, row := range []struct {
		same  bool
		nodes []string
	}{
		{true, []string{"d:b9", "c:7", "b:3", "a:3"}},
		{true, []string{"a:1", "b:1", "c:2", "d:3"}},
		{false, []string{"a:1", "b:1", "c:1", "d:b"}},
		{false, []string{"a:1", "b:1", "c:2"}},
		{false, []string{"a:1", "b:1", "c:2", "d:b", "e:b1"}},
		{false, []string{"a:2", "b:2", "c:1", "d:b"}},
		{false, []string{"a:1", "b:b", "c:2", "d:b"}},
	} {
		if got := p.SameHomes(newTieredPool(t, PoolSpec{}, row.nodes...)); got != row.same {
			t.Errorf("%v: %v", row.nodes, got)
		}
	}
}

// Sessions that stay on a backup take nothing from the fair share of those before it, and the other way round.
func TestFairShareIsThatOfTheTier(t *testing.T) {
	p := newTieredPool(t, PoolSpec{MaxLoad: 1.5}, tieredNodes...)
	for range 1000 {
		p.node("b1").Acquire()
	}
	for range 8 {
		p.node("a1").Acquire()
	}
	p.Judge()
	if l := p.top.load(p.node("a1")); l.open != 8 || l.fair != 4.5 {
		t.Errorf("the load of a node is %+v", l)
	}
	if !p.node("a1").Overloaded() || p.node("a2").Overloaded() {
		t.Error("the sessions of another tier count in the share")
	}
	key := uint64(1) // of a client whose first node is a1
	for p.Home(key) != p.node("a1") {
		key++
	}
	if got := names(p, key, true); !slices.Equal(got, []string{"a2", "a1"}) {
		t.Errorf("the client of a node over its load has the candidates %v", got)
	}
}

// A backup is no peer: it may be far away. And half of each tier stays in use.
func TestOutliersHavePeersOfTheirTier(t *testing.T) {
	for name, row := range map[string]struct {
		nodes []string
		bad   []string
		want  []string
	}{
		"one of a tier":                     {[]string{"a1", "a2", "b1:b", "b2:b"}, []string{"a1"}, []string{"a1"}},
		"the only one of its tier":          {[]string{"a1", "b1:b", "b2:b"}, []string{"a1"}, nil},
		"all of a tier":                     {[]string{"a1", "a2", "b1:b", "b2:b", "b3:b"}, []string{"a1", "a2"}, nil},
		"one of each":                       {[]string{"a1", "a2", "b1:b", "b2:b"}, []string{"a1", "b2"}, []string{"a1", "b2"}},
		"as many as of one tier alone":      {[]string{"a1", "a2", "a3", "a4", "a5", "b1:b"}, []string{"a1", "a2"}, []string{"a1", "a2"}},
		"no more because of a tier besides": {[]string{"a1", "a2", "a3", "b1:b", "b2:b", "b3:b"}, []string{"a1", "a2"}, []string{"a1"}},
	} {
		n := &night{newTieredPool(t, PoolSpec{Outliers: true}, row.nodes...), t, time.Hour}
		var of []traffic
		for _, node := range n.nodes {
			if slices.Contains(row.bad, node.Name) {
				of = append(of, traffic{0, 20})
			} else {
				of = append(of, traffic{20, 0})
			}
		}
		n.pass(8*time.Second, of...)
		got := n.outliers()
		slices.Sort(got)
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
}

// An outlier comes after its peers, and before the nodes of the next tier, which are for when no other is up.
func TestOutliersComeBeforeTheNextTier(t *testing.T) {
	for _, a := range algorithms {
		p := newTieredPool(t, PoolSpec{Algorithm: a}, tieredNodes...)
		p.node("a1").condition.judge(outlier, outlier)
		for i := range 200 {
			if got := names(p, mix(uint64(i)), i%2 > 0); !slices.Equal(got, []string{"a2", "a1"}) {
				t.Fatalf("%v: %v", a, got)
			}
		}
		p.node("a2").SetHealth(Down)
		for i := range 200 {
			if got := names(p, mix(uint64(i)), i%2 > 0); !slices.Equal(got, []string{"a1"}) {
				t.Fatalf("%v: %v, when the other one is down", a, got)
			}
		}
	}
}

// When a whole tier comes back, its slow start does not keep the backups in use: they are for when no other is up.
func TestSlowStartOfATierLeavesNoClientOnTheBackup(t *testing.T) {
	runForHours(t)
	for _, a := range algorithms {
		p := newTieredPool(t, PoolSpec{Algorithm: a, SlowStart: time.Hour}, tieredNodes...)
		for _, part := range []float64{0, 0.5} {
			for _, name := range []string{"a1", "a2"} {
				p.node(name).rampsAt(part)
			}
			for i := range 200 {
				got := names(p, mix(uint64(i)), i%2 > 0)
				slices.Sort(got)
				if !slices.Equal(got, []string{"a1", "a2"}) {
					t.Fatalf("%v: %v", a, got)
				}
			}
		}
		if back, _ := p.node("a1").TakesBack(); !back || p.node("a1").SteadyFor() >= 0 {
			t.Errorf("%v: sessions may return during the slow start", a)
		}
	}
}

func TestEachTierHasTurnsAndSharesOfItsOwn(t *testing.T) {
	for _, a := range []Algorithm{RoundRobin, LeastConnections, RandomTwo, ConsistentHash} {
		p := newTieredPool(t, PoolSpec{Algorithm: a}, tieredNodes...)
		for _, name := range []string{"a1", "a2", "b1", "b2"} {
			p.node(name).SetHealth(Down)
		}
		counts := map[string]int{}
		for i := range 10_000 {
			counts[place(p, Client{Key: mix(uint64(i)), Keyed: true}).Name]++
		}
		if counts["c1"]+counts["c2"] != 10_000 || counts["c1"] < 4800 || counts["c1"] > 5200 {
			t.Errorf("%v: %v", a, fmt.Sprint(counts))
		}
	}
}
