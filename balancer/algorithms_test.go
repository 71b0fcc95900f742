package balancer

import (
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
)

// settle adds n sessions that stay open.
func settle(t *testing.T, p *Pool, n int) {
	t.Helper()
	for range n {
		c := p.Candidates(Client{})
		node := c.Next()
		if node == nil || !node.Acquire() {
			t.Fatal("no node took the session")
		}
	}
}

func TestLeastConnectionsFillsByWeight(t *testing.T) {
	p := newPool(t, LeastConnections, "a:1", "b:2", "c:3")
	settle(t, p, 6000)
	for name, want := range map[string]int64{"a": 1000, "b": 2000, "c": 3000} {
		if got := p.node(name).Open(); got != want {
			t.Errorf("%s holds %d, want %d", name, got, want)
		}
	}
}

func TestLeastConnectionsFillsANodeThatComesBack(t *testing.T) {
	p := newPool(t, LeastConnections, "a", "b", "c")
	p.node("c").SetHealth(Down)
	settle(t, p, 200)
	p.node("c").SetHealth(Up)
	settle(t, p, 100)
	for _, n := range p.Nodes() {
		if n.Open() != 100 {
			t.Errorf("%s holds %d, want 100", n.Name, n.Open())
		}
	}
}

func TestLeastConnectionsSpreadsOverIdleNodes(t *testing.T) {
	p := newPool(t, LeastConnections, emqx(10, "")...)
	seen := make(map[string]bool)
	for range 1000 {
		c := p.Candidates(Client{})
		seen[c.Next().Name] = true // no session stays open: all nodes remain idle
	}
	if len(seen) != 10 {
		t.Errorf("only %d of 10 idle nodes were chosen", len(seen))
	}
}

func TestHeavierOfTwoIdleNodesComesFirst(t *testing.T) {
	for range 100 {
		p := newPool(t, LeastConnections, "light:1", "heavy:2")
		c := p.Candidates(Client{})
		if n := c.Next(); n.Name != "heavy" {
			t.Fatalf("%s first", n.Name)
		}
	}
}

// turns returns the names of the next n turns.
func turns(p *Pool, n int) string {
	var b strings.Builder
	for range n {
		c := p.Candidates(Client{})
		b.WriteString(c.Next().Name)
	}
	return b.String()
}

func TestRoundRobinIsSmooth(t *testing.T) {
	for _, tt := range []struct {
		nodes []string
		round string
	}{
		{[]string{"a", "b", "c"}, "abc"},
		{[]string{"a:2", "b:2"}, "ab"},
		{[]string{"a:5", "b:1", "c:1"}, "aabacaa"}, // nginx's example
		{[]string{"a:10", "b:20", "c:30"}, "cbacbc"},
	} {
		p := newPool(t, RoundRobin, tt.nodes...)
		got := turns(p, len(tt.round))
		// The first turn is random: a round may start anywhere.
		if !strings.Contains(tt.round+tt.round, got) {
			t.Errorf("%v: %s, want a rotation of %s", tt.nodes, got, tt.round)
		}
		if again := turns(p, len(tt.round)); again != got {
			t.Errorf("%v: %s, then %s", tt.nodes, got, again)
		}
	}
}

func TestRoundRobinGoesOnEvenlyWithoutALostNode(t *testing.T) {
	p := newPool(t, RoundRobin, "a", "b", "c", "d")
	p.node("b").SetHealth(Down)
	counts := make(map[rune]int)
	for _, name := range turns(p, 300) {
		counts[name]++
	}
	for _, name := range "acd" {
		if counts[name] != 100 {
			t.Errorf("%c had %d of 300 turns", name, counts[name])
		}
	}
}

func TestRoundRobinFindsTheOneLightNodeThatIsUp(t *testing.T) {
	p := newPool(t, RoundRobin, "a:256", "b:255", "light:1")
	p.node("a").SetHealth(Down)
	p.node("b").SetOperator(Draining)
	if got := turns(p, 3); got != "lightlightlight" {
		t.Errorf("%s", got)
	}
}

func TestLoopsShareOneRound(t *testing.T) {
	p := newPool(t, RoundRobin, "a:1", "b:2", "c:3")
	var loops sync.WaitGroup
	for range 6 {
		loops.Go(func() {
			for range 1000 {
				c := p.Candidates(Client{})
				c.Next().Acquire()
			}
		})
	}
	loops.Wait()
	for name, want := range map[string]int64{"a": 1000, "b": 2000, "c": 3000} {
		if got := p.node(name).Open(); got != want {
			t.Errorf("%s holds %d, want %d", name, got, want)
		}
	}
}

func TestRandomTwoBalances(t *testing.T) {
	for _, nodes := range [][]string{emqx(10, ""), {"a:1", "b:2", "c:3"}} {
		p := newPool(t, RandomTwo, nodes...)
		settle(t, p, 60_000)
		total := 0
		for _, n := range p.Nodes() {
			total += n.Weight
		}
		for _, n := range p.Nodes() {
			want := 60_000 * float64(n.Weight) / float64(total)
			if math.Abs(float64(n.Open())-want) > 0.02*want {
				t.Errorf("%s of weight %d holds %d, want %.0f", n.Name, n.Weight, n.Open(), want)
			}
		}
	}
}

func TestRandomTwoNeverTakesTheMostLoadedNode(t *testing.T) {
	p := newPool(t, RandomTwo, emqx(5, "")...)
	full := p.node("emqx-2")
	full.Acquire()
	for range 1000 {
		var order []*Node
		c := p.Candidates(Client{})
		for n := c.Next(); n != nil; n = c.Next() {
			order = append(order, n)
		}
		// The full node is the heavier of any two, so it comes last.
		if i := slices.Index(order, full); i != 4 {
			t.Fatalf("the loaded node is candidate %d of 5", i+1)
		}
	}
}
