package balancer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// explained returns the choices as text.
func explained(choices []Choice) (lines []string) {
	for _, c := range choices {
		line := c.Node.Name + ": " + c.Probed
		if c.Probed != "" && c.Why != "" {
			line += ", "
		}
		line += c.Why
		if c.Chosen {
			line += " *"
		}
		lines = append(lines, line)
	}
	return lines
}

// inKeyOrder returns the names of the pool's nodes as Candidates orders them while all are up.
func inKeyOrder(p *Pool, key uint64) (nodes []*Node) {
	c := p.Candidates(Client{Key: key, Keyed: true})
	for n := c.Next(); n != nil; n = c.Next() {
		nodes = append(nodes, n)
	}
	return nodes
}

func TestExplanationHasTheReasonOfEachNode(t *testing.T) {
	p := newTestPool(t, PoolSpec{Name: "p", Nodes: []NodeSpec{
		{Name: "a", Address: "127.0.0.1:1", MaxConnections: 1}, {Name: "b", Address: "127.0.0.1:2", MaxConnections: 1},
		{Name: "c", Address: "127.0.0.1:3", MaxConnections: 1}, {Name: "d", Address: "127.0.0.1:4", MaxConnections: 1},
		{Name: "e", Address: "127.0.0.1:5", MaxConnections: 1}, {Name: "f", Address: "127.0.0.1:6", MaxConnections: 1},
	}})
	key := Hash([]byte("c1"))
	n := inKeyOrder(p, key)
	want := func(when string, keyed bool, lines ...string) {
		t.Helper()
		if got := explained(p.Explain(Client{Key: key, Keyed: keyed})); !slices.Equal(got, lines) {
			t.Errorf("%s: %q, want %q", when, got, lines)
		}
	}
	line := func(i int, why string) string { return n[i].Name + ": " + why }
	const first, next = "first by its hash", "next by its hash"
	want("all up", true, line(0, first+" *"), line(1, next), line(2, next), line(3, next), line(4, next), line(5, next))

	n[0].SetOperator(Draining)
	n[1].SetHealth(Down)
	n[2].Acquire()
	n[3].SetAddrs(nil)
	n[5].SetOperator(Down)
	const full, unresolved = "at its limit of 1 sessions", "its host name is not resolved"
	const draining, down, disabled = "draining by the operator", "down by its health checks", "disabled by the operator"
	want("each with a reason", true, line(2, full), line(3, unresolved), line(4, next+" *"), line(0, draining), line(1, down), line(5, disabled))

	for _, i := range []int{2, 4} {
		n[i].SetHealth(Down)
	}
	n[3].SetOperator(Draining)
	const last = "last resort, since no node is up: "
	want("none up", true, line(1, last+first+" *"), line(2, last+full), line(4, last+next), line(0, draining), line(3, draining), line(5, disabled))

	in := func(i int, why string) { // in configuration order
		for _, c := range p.Explain(Client{Key: key, Keyed: false}) {
			if c.Node == n[i] && (c.Probed+c.Why != why || c.Chosen) {
				t.Errorf("without a key: %s: %s, want %s", c.Node.Name, c.Probed+c.Why, why)
			}
		}
	}
	in(0, draining)
	in(1, last+"may be chosen")
	in(2, full)
	n[4].SetHealth(Up)
	in(1, down)
	in(4, "may be chosen")
	in(5, disabled)
}

func TestExplanationSaysWhyACandidateComesLater(t *testing.T) {
	runForHours(t)
	p := newSpecPool(t, 4, PoolSpec{MaxLoad: 1.5, SlowStart: time.Hour, Outliers: true})
	client := Client{Key: Hash([]byte("c1")), Keyed: true}
	n := inKeyOrder(p, client.Key)
	n[0].condition.convict(now() + int64(10*time.Second-500*time.Millisecond))
	n[1].rampsAt(0.001)
	for n[2].Open() < 30 {
		n[2].Acquire()
	}
	line := func(i int, why string) string { return n[i].Name + ": " + why }
	want := []string{
		line(3, "next by its hash *"), line(0, "first by its hash, but it comes later: an outlier for another 20s"),
		line(1, "next by its hash, but it comes later: slow start, 0 %"), line(2, "next by its hash, but it comes later: over max_load 1.5: 30 of 24 sessions"),
	}
	if got := explained(p.Explain(client)); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for n[2].Open() > 22 {
		n[2].Release()
	}
	for n[3].Open() < 10 {
		n[3].Acquire()
	}
	want[3] = line(2, "next by its hash, but it comes later: was over max_load 1.5, until it has fewer than 21 sessions: 22")
	if got := explained(p.Explain(client)); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	client.Persistent = true
	want = []string{
		line(1, "next by its hash *"), line(2, "next by its hash"), line(3, "next by its hash"),
		line(0, "first by its hash, but it comes later: an outlier for another 20s"),
	}
	if got := explained(p.Explain(client)); !slices.Equal(got, want) {
		t.Errorf("persistent: %q, want %q", got, want)
	}
	for _, c := range p.Explain(Client{}) {
		why := map[*Node]string{n[0]: "after the others: an outlier for another 20s", n[1]: "may be chosen: slow start, 0 %"}[c.Node]
		if why != "" && why != c.Probed+c.Why {
			t.Errorf("without a key: %s: %s, want %s", c.Node.Name, c.Probed+c.Why, why)
		}
	}
}

// Whatever the state of the nodes: the candidates of the explanation are those of Candidates, and the
// chosen one is the first that Acquire admits. A candidate that comes later has the reason.
func TestExplanationAgreesWithTheCandidates(t *testing.T) {
	runForHours(t)
	var specs []NodeSpec
	for i := range 7 {
		specs = append(specs, NodeSpec{Name: fmt.Sprint("n", i), Address: "127.0.0.1:1", Weight: 1 + i%3, MaxConnections: 1})
	}
	p := newTestPool(t, PoolSpec{Name: "p", Nodes: specs, MaxLoad: 1.25, SlowStart: time.Hour})
	for states := range 1 << 14 {
		for i, n := range p.Nodes() {
			n.SetOperator(State(min(states>>i&1+states>>(i+2)&1, 2)))
			n.SetHealth([]State{Up, Down, Up, Draining}[states>>(i+7)&1+states>>(i+3)&2])
			n.condition.judge(outlier, uint32(states%(i+3)/(i+2)*outlier))
			n.rampsAt(float64(states%(i+4)) / 3)
			if full := states%(i+2) == 0; full != n.Full() {
				if full {
					n.Acquire()
				} else {
					n.Release()
				}
			}
		}
		client := Client{Key: Hash(fmt.Append(nil, states)), Keyed: true, Persistent: states%2 > 0}
		choices := p.Explain(client)
		if len(choices) != len(specs) {
			t.Fatalf("states %#x: %d choices of %d nodes", states, len(choices), len(specs))
		}
		var chosen *Node
		candidates := candidateNodes(p, client)
		for i, n := range candidates {
			if choices[i].Node != n {
				t.Fatalf("states %#x: %q; candidate %d is %s", states, explained(choices), i, n.Name)
			}
			if chosen == nil && n.Acquire() {
				n.Release()
				chosen = n
			}
		}
		up := p.Up() > 0
		for i, c := range choices {
			if c.Chosen != (c.Node == chosen) {
				t.Fatalf("states %#x: %q; the session goes to %v", states, explained(choices), chosen)
			}
			later := strings.Contains(c.Why, "but it comes later")
			late := c.Node.IsOutlier() || !client.Persistent && (!c.Node.takesInRamp(client.Key) || c.Node.Overloaded())
			if i < len(candidates) && up && !c.Node.Full() && later != late || strings.Contains(c.Why, "a moment ago") {
				t.Fatalf("states %#x: %q; %s comes later: %v", states, explained(choices), c.Node.Name, late)
			}
		}
	}
}

func TestExplanationTakesNoTurn(t *testing.T) {
	p := newTestPool(t, PoolSpec{Name: "p", Algorithm: RoundRobin, Nodes: []NodeSpec{{Name: "a", Address: "127.0.0.1:1"}, {Name: "b", Address: "127.0.0.1:2"}}})
	before := p.top.round.turn.Load()
	if got := explained(p.Explain(Client{Key: 0, Keyed: true})); !slices.Equal(got, []string{"a: may be chosen", "b: may be chosen"}) || p.top.round.turn.Load() != before {
		t.Errorf("%q, turn %d after %d", got, p.top.round.turn.Load(), before)
	}
}

func newTestPool(t testing.TB, spec PoolSpec) *Pool {
	t.Helper()
	p, err := NewPool(spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestExplanationTellsNodesThatAreBusy(t *testing.T) {
	p := newTestPool(t, PoolSpec{Name: "p", Queue: Queue{Size: 10, Time: time.Hour}, Nodes: []NodeSpec{
		{Name: "a", Address: "127.0.0.1:1", ConnectRate: 1}, {Name: "b", Address: "127.0.0.1:2"},
	}})
	client := Client{Key: Hash([]byte("c1")), Keyed: true}
	for p.byKey(client.Key)[0].Name != "a" {
		client.Key++
	}
	p.node("a").Admit()
	for persistent, want := range map[bool]string{true: "a", false: "b"} {
		client.Persistent = persistent
		choices := p.Explain(client)
		chosen := slices.IndexFunc(choices, func(c Choice) bool { return c.Chosen })
		if choices[chosen].Node.Name != want || !strings.HasPrefix(choices[0].Why, "first by its hash, but its connect_rate of 1/s is used up, and the next session would wait ") {
			t.Errorf("persistent %v: %q", persistent, explained(choices))
		}
	}
}

func TestExplanationTellsNodesThatDrainThemselves(t *testing.T) {
	p := newTestPool(t, PoolSpec{Name: "p", Nodes: []NodeSpec{{Name: "a", Address: "127.0.0.1:1"}, {Name: "b", Address: "127.0.0.1:2"}, {Name: "c", Address: "127.0.0.1:3"}}})
	key := Hash([]byte("c1"))
	n := inKeyOrder(p, key)
	n[0].SetHealth(Draining)
	n[2].SetHealth(Down)
	want := []string{n[1].Name + ": first by its hash *", n[0].Name + ": draining by its health checks", n[2].Name + ": down by its health checks"}
	if got := explained(p.Explain(Client{Key: key, Keyed: true})); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	n[1].SetHealth(Down)
	want = []string{
		n[0].Name + ": draining by its health checks, but no node is up: first by its hash *",
		n[1].Name + ": last resort, since no node is up: next by its hash",
		n[2].Name + ": last resort, since no node is up: next by its hash",
	}
	if got := explained(p.Explain(Client{Key: key, Keyed: true})); !slices.Equal(got, want) {
		t.Errorf("none up: %q, want %q", got, want)
	}
}
