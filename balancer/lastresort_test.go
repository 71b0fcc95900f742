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
		c := p.Candidates(42, true)
		if n := c.Next(); n == nil || n.Name != "a" {
			t.Fatalf("%v: the node that is up is not the first candidate", a)
		}
		p.node("a").SetHealth(Down)
		if n := c.Next(); n != nil {
			t.Errorf("%v: after the only node that was up comes %s", a, n.Name)
		}
	}
}

// A node that drains by its own word lives, and while it waits for the balancer to see that it still takes clients.
func TestNodesThatDrainThemselvesAreTriedBeforeThoseThatAreDown(t *testing.T) {
	for _, a := range algorithms {
		p := newPool(t, a, "a:2", "b", "c:2", "d", "e", "f")
		for name, s := range map[string]State{"a": Down, "b": Draining, "c": Down, "d": Draining, "e": Draining, "f": Down} {
			p.node(name).SetHealth(s)
		}
		p.node("e").SetOperator(Draining)
		p.node("f").SetOperator(Down)
		for i := range 1000 {
			got := names(p, mix(uint64(i)), true)
			first, last := slices.Sorted(slices.Values(got[:2])), slices.Sorted(slices.Values(got[2:]))
			if !slices.Equal(first, []string{"b", "d"}) || !slices.Equal(last, []string{"a", "c"}) {
				t.Fatalf("%v: %v, want the draining b and d, then a and c, which are down", a, got)
			}
		}
		p.node("c").SetHealth(Up)
		for i := range 100 {
			if got := names(p, mix(uint64(i)), true); !slices.Equal(got, []string{"c"}) {
				t.Fatalf("%v: %v, want c alone, which is up", a, got)
			}
		}
		for _, name := range []string{"a", "c"} {
			p.node(name).SetOperator(Down)
		}
		c := p.Candidates(7, true)
		for range 2 {
			if n := c.Next(); n == nil || n.Health() != Draining {
				t.Fatalf("%v: %v, want a draining node", a, n)
			}
		}
		for range 3 { // it does not begin again
			if n := c.Next(); n != nil {
				t.Fatalf("%v: %s comes after the last one", a, n.Name)
			}
		}
	}
}
