package balancer

import (
	"slices"
	"testing"
)

// The verdict of the health checks may be wrong or late; the operator's word is not.
func TestNodesThatAreDownAreTheLastResort(t *testing.T) {
	for _, a := range algorithms {
		p := newPool(t, a, "a:2", "b", "c:2", "d", "e")
		for i := range 1000 {
			key := mix(uint64(i))
			for _, n := range p.Nodes() {
				n.SetHealth(Up)
			}
			up := names(p, key, true)
			for _, n := range p.Nodes() {
				n.SetHealth(Down)
			}
			p.node("b").SetOperator(Draining)
			p.node("d").SetOperator(Down)
			got := names(p, key, true)
			p.node("b").SetOperator(Up)
			p.node("d").SetOperator(Up)
			want := slices.DeleteFunc(up, func(name string) bool { return name == "b" || name == "d" })
			if p.HashKey == NoKey {
				slices.Sort(got)
				slices.Sort(want)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%v: %v where nothing is up, want %v: the order of the key, without what the operator took out", a, got, want)
			}
		}
	}
}

// If a node was tried and has gone down since, the nodes that are down are not
// candidates.
func TestLastResortIsForWalksThatFoundNothingUp(t *testing.T) {
	for _, a := range algorithms {
		p := newPool(t, a, "a", "b", "c")
		p.node("b").SetHealth(Down)
		p.node("c").SetHealth(Down)
		c := p.Candidates(Client{Key: 42, Keyed: true})
		if n := c.Next(); n == nil || n.Name != "a" {
			t.Fatalf("%v: the node that is up is not the first candidate", a)
		}
		p.node("a").SetHealth(Down)
		if n := c.Next(); n != nil {
			t.Errorf("%v: after the only node that was up comes %s", a, n.Name)
		}
	}
}

// A node that drains by itself works: it comes before those that do not answer the probes.
func TestNodesThatDrainComeBeforeThoseThatAreDown(t *testing.T) {
	for _, a := range algorithms {
		p := newPool(t, a, "a:2", "b", "c:2", "d", "e")
		for i := range 1000 {
			client := Client{Key: mix(uint64(i)), Keyed: true, Persistent: i%2 > 0}
			for _, n := range p.Nodes() {
				n.SetHealth(Up)
			}
			up := candidateNames(p, client)
			for _, n := range p.Nodes() {
				n.SetHealth(Down)
			}
			p.node("b").SetHealth(Draining)
			p.node("d").SetHealth(Draining)
			isDown := func(name string) bool { return p.node(name).Health() == Down }
			want := append(slices.DeleteFunc(slices.Clone(up), isDown), slices.DeleteFunc(up, func(name string) bool { return !isDown(name) })...)
			got := candidateNames(p, client)
			if p.HashKey == NoKey {
				for _, names := range [][]string{got[:2], got[2:], want[:2], want[2:]} {
					slices.Sort(names)
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%v: %v, want %v", a, got, want)
			}
			p.node("b").SetOperator(Draining) // the operator's word is no last resort
			if got := candidateNames(p, client); len(got) != 4 || slices.Contains(got, "b") {
				t.Fatalf("%v: %v with b taken out by the operator", a, got)
			}
			p.node("b").SetOperator(Up)
		}
	}
}
