package balancer

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// A night is a pool with outliers whose sessions and clock a test plays.
type night struct {
	*Pool
	t     *testing.T
	clock time.Duration
}

func newNight(t *testing.T, nodes int) *night {
	return &night{newSpecPool(t, nodes, PoolSpec{Outliers: true}), t, time.Hour}
}

// traffic is what sessions see of a node in a second.
type traffic struct{ good, bad int }

// pass lets the time pass, in which the nodes have the traffic every second, and returns the changes
// as text. Nodes without traffic of their own have that of the last.
func (n *night) pass(d time.Duration, of ...traffic) (changes []string) {
	n.t.Helper()
	for end := n.clock + d; n.clock < end; n.clock += time.Second {
		for i, node := range n.nodes {
			see := of[min(i, len(of)-1)]
			for range see.good {
				node.Observed(true)
			}
			for range see.bad {
				node.Observed(false)
			}
		}
		for _, v := range n.judge(int64(n.clock)) {
			if v.Outlier != v.Node.IsOutlier() {
				n.t.Errorf("%s is an outlier: %v, the verdict says %v", v.Node.Name, v.Node.IsOutlier(), v.Outlier)
			}
			change := v.Node.Name + " is good again"
			if v.Outlier {
				change = fmt.Sprintf("%s for %v", v.Node.Name, v.For)
			}
			changes = append(changes, change)
		}
	}
	return changes
}

func (n *night) outliers() (names []string) {
	for _, node := range n.nodes {
		if node.IsOutlier() {
			names = append(names, node.Name)
		}
	}
	return names
}

func TestNodeThatFailsFarMoreThanItsPeersIsAnOutlier(t *testing.T) {
	for name, row := range map[string]struct {
		nodes int
		of    []traffic
		want  []string
	}{
		"all good":                         {3, []traffic{{20, 0}}, nil},
		"one refuses":                      {3, []traffic{{0, 20}, {20, 0}}, []string{"node-1"}},
		"one refuses half":                 {3, []traffic{{10, 10}, {20, 0}}, []string{"node-1"}},
		"one refuses a tenth":              {3, []traffic{{18, 2}, {20, 0}}, nil},
		"three times its peers":            {3, []traffic{{7, 3}, {9, 1}}, nil},
		"far more than the others' tenth":  {3, []traffic{{5, 5}, {9, 1}}, []string{"node-1"}},
		"all fail":                         {3, []traffic{{0, 20}}, nil},
		"all fail, one a little more":      {3, []traffic{{0, 20}, {10, 10}}, nil},
		"one of two":                       {2, []traffic{{0, 20}, {20, 0}}, []string{"node-1"}},
		"the only one":                     {1, []traffic{{0, 20}}, nil},
		"one of two, no session elsewhere": {2, []traffic{{0, 20}, {0, 0}}, nil},
		"two of four":                      {4, []traffic{{0, 20}, {0, 20}, {20, 0}}, []string{"node-1", "node-2"}},
		"two of three":                     {3, []traffic{{0, 20}, {2, 18}, {20, 0}}, []string{"node-1"}},
		"three of four":                    {4, []traffic{{0, 20}, {0, 20}, {0, 20}, {20, 0}}, nil},
		"two of five":                      {5, []traffic{{0, 20}, {0, 20}, {20, 0}}, []string{"node-1", "node-2"}},
		"too few sessions":                 {3, []traffic{{0, 1}, {1, 0}}, nil},
	} {
		n := newNight(t, row.nodes)
		n.pass(8*time.Second, row.of...)
		if got := n.outliers(); !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
}

func TestFewFailuresMakeNoOutlier(t *testing.T) {
	n := newNight(t, 2)
	n.pass(time.Minute, traffic{1000, 0})
	if got := n.pass(time.Second, traffic{1000, 3}, traffic{1000, 0}); got != nil {
		t.Errorf("three failures among thousands of good sessions: %v", got)
	}
	n = newNight(t, 2)
	n.pass(time.Minute, traffic{0, 0}, traffic{1000, 0})
	if got := n.pass(time.Second, traffic{1, 1}, traffic{1000, 0}); got != nil {
		t.Errorf("one bad of two: %v", got)
	}
	if got := n.pass(5*time.Minute, traffic{0, 0}); got != nil {
		t.Errorf("later: %v", got)
	}
}

func TestOutliersComeLastForAllClients(t *testing.T) {
	for _, a := range algorithms {
		n := &night{newSpecPool(t, 5, PoolSpec{Outliers: true, Algorithm: a}), t, time.Hour}
		n.pass(5*time.Second, traffic{0, 20}, traffic{0, 20}, traffic{20, 0})
		for i := range 1000 {
			client := Client{Key: mix(uint64(i)), Keyed: i%3 > 0, Persistent: i%2 > 0}
			got := candidateNodes(n.Pool, client)
			if len(got) != 5 || got[3] == got[4] || !got[3].IsOutlier() || !got[4].IsOutlier() {
				t.Fatalf("%v: %v", a, candidateNames(n.Pool, client))
			}
			if client.Keyed && n.HashKey != NoKey {
				for _, node := range n.nodes[:2] {
					node.condition.judge(outlier, 0)
				}
				inKeyOrder := candidateNodes(n.Pool, client)
				for _, node := range n.nodes[:2] {
					node.condition.judge(outlier, outlier)
				}
				isOutlier := func(n *Node) bool { return n.IsOutlier() }
				want := append(slices.DeleteFunc(slices.Clone(inKeyOrder), isOutlier), slices.DeleteFunc(inKeyOrder, func(n *Node) bool { return !n.IsOutlier() })...)
				if !slices.Equal(got, want) {
					t.Fatalf("%v: %v is not in key order", a, candidateNames(n.Pool, client))
				}
			}
		}
	}
}

func TestTimeOfAnOutlierGrowsAndFallsBack(t *testing.T) {
	n := newNight(t, 2)
	bad, good := traffic{0, 20}, traffic{20, 0}
	got := n.pass(20*time.Minute, bad, good)
	want := []string{"node-1 for 10s"}
	for _, next := range []string{"20s", "40s", "1m20s", "2m40s", "5m0s", "5m0s"} {
		want = append(want, "node-1 is good again", "node-1 for "+next)
	}
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Fatalf("%q, want %q", got, want)
	}
	n.pass(6*time.Minute, good) // until its time is over
	if got := n.outliers(); got != nil {
		t.Fatalf("%v after the storm", got)
	}
	n.pass(5*time.Minute, good)
	if got := n.pass(8*time.Second, bad, good); !slices.Equal(got, []string{"node-1 for 1m20s"}) {
		t.Errorf("after ten good minutes: %q, want a quarter of the longest time", got)
	}
	n.pass(time.Hour, good)
	if got := n.pass(8*time.Second, bad, good); !slices.Equal(got, []string{"node-1 for 10s"}) {
		t.Errorf("after a good hour: %q, want the first time", got)
	}
}

// Sessions that go elsewhere since their node is an outlier do not make the next node one.
func TestOutliersAreNeverMoreThanHalfOfTheNodesThatAreUp(t *testing.T) {
	n := newNight(t, 4)
	n.pass(5*time.Second, traffic{0, 40}, traffic{0, 20}, traffic{20, 0})
	if got := n.outliers(); len(got) != 2 {
		t.Fatalf("%v", got)
	}
	n.nodes[2].SetHealth(Down)
	if got := n.pass(time.Second, traffic{20, 0}); len(got) != 1 || len(n.outliers()) != 1 {
		t.Errorf("of three that are up: %v, and %v", n.outliers(), got)
	}
	n.nodes[3].SetOperator(Draining)
	n.pass(time.Second, traffic{20, 0})
	if got := n.outliers(); len(got) != 1 {
		t.Errorf("of two that are up: %v", got)
	}
	n.nodes[0].SetHealth(Down)
	n.nodes[1].SetHealth(Down)
	n.pass(time.Second, traffic{20, 0})
	if got := n.outliers(); len(got) != 0 {
		t.Errorf("of none that is up: %v", got)
	}
}

// A node that was down begins anew: its clients need not wait for the end of its time.
func TestNodeThatComesUpIsNoOutlier(t *testing.T) {
	n := newNight(t, 2)
	n.pass(5*time.Second, traffic{0, 20}, traffic{20, 0})
	n.nodes[0].SetHealth(Down)
	if got := n.pass(time.Second, traffic{0, 20}, traffic{20, 0}); !slices.Equal(got, []string{"node-1 is good again"}) {
		t.Errorf("%q", got)
	}
	n.nodes[0].SetHealth(Up)
	if got := n.pass(9*time.Second, traffic{20, 0}); got != nil {
		t.Errorf("up again: %q", got)
	}
}

func TestHealthAndOutliersAreIndependent(t *testing.T) {
	n := newNight(t, 2)
	node := n.nodes[0]
	n.pass(5*time.Second, traffic{0, 20}, traffic{20, 0})
	for _, s := range []State{Down, Draining, Up} {
		node.SetHealth(s)
		if node.Health() != s || node.State() != s || !node.IsOutlier() {
			t.Errorf("%v, %v, an outlier: %v; want %v", node.Health(), node.State(), node.IsOutlier(), s)
		}
	}
}

func TestOutliersOutliveAReload(t *testing.T) {
	var r Registry
	spec := PoolSpec{Name: "p", Outliers: true, Nodes: []NodeSpec{{Name: "a", Address: "127.0.0.1:1"}, {Name: "b", Address: "127.0.0.1:2"}}}
	before, after := newTestPool(t, spec), newTestPool(t, spec)
	spec.Outliers = false
	off := newTestPool(t, spec)
	for _, p := range []*Pool{before, after, off} {
		r.Join(p)
	}
	n := &night{before, t, time.Hour}
	n.pass(5*time.Second, traffic{0, 20}, traffic{20, 0})
	if !after.nodes[0].IsOutlier() || after.nodes[1].IsOutlier() {
		t.Fatal("the new pool does not know the outlier of the old one")
	}
	n.Pool = after
	if got := n.pass(8*time.Second, traffic{0, 20}, traffic{20, 0}); slices.Contains(got, "node-1 for 10s") {
		t.Errorf("%q: the times do not go on", got)
	}
	n.Pool = off
	n.pass(time.Minute, traffic{0, 20}, traffic{20, 0})
	if off.nodes[0].IsOutlier() || before.nodes[0].IsOutlier() {
		t.Error("an outlier where outliers are off")
	}
}

func TestObservingAllocatesNothing(t *testing.T) {
	n := newNight(t, 2)
	if allocs := testing.AllocsPerRun(100, func() { n.nodes[0].Observed(true) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// Loops observe and choose while the pool is judged.
func TestJudgeBesideTheLoops(t *testing.T) {
	n := newNight(t, 4)
	var loops sync.WaitGroup
	for loop := range 4 {
		loops.Go(func() {
			for i := range 5000 {
				c := n.Candidates(Client{Key: mix(uint64(i)), Keyed: true})
				seen := map[*Node]bool{}
				for node := c.Next(); node != nil; node = c.Next() {
					if seen[node] {
						t.Errorf("%s twice", node.Name)
					}
					seen[node] = true
					node.Observed(node != n.nodes[loop%2])
				}
				if len(seen) != 4 {
					t.Errorf("%d candidates", len(seen))
				}
			}
		})
	}
	for i := range 200 {
		n.judge(int64(i) * int64(time.Second))
	}
	loops.Wait()
}
