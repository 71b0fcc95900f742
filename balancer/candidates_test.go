package balancer

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"unsafe"
)

var algorithms = []Algorithm{ConsistentHash, LeastConnections, RoundRobin, RandomTwo, SourceIP}

func TestCandidatesAreEveryNodeOnce(t *testing.T) {
	for _, a := range algorithms {
		for _, suffix := range []string{"", ":3"} {
			p := newPool(t, a, append(emqx(8, ""), "heavy"+suffix)...)
			for i := range 1000 {
				for _, keyed := range []bool{true, false} {
					got := names(p, mix(uint64(i)), keyed)
					slices.Sort(got)
					if len(got) != 9 || len(slices.Compact(got)) != 9 {
						t.Fatalf("%v, keyed %v: %v", a, keyed, got)
					}
				}
			}
		}
	}
}

func TestNodesThatAreNotUpAreNoCandidates(t *testing.T) {
	for _, a := range algorithms {
		p := newPool(t, a, "a:2", "b", "c:2", "d")
		p.node("b").SetOperator(Draining)
		p.node("c").SetHealth(Down)
		for i := range 1000 {
			for _, keyed := range []bool{true, false} {
				got := names(p, mix(uint64(i)), keyed)
				slices.Sort(got)
				if !slices.Equal(got, []string{"a", "d"}) {
					t.Fatalf("%v, keyed %v: %v", a, keyed, got)
				}
			}
		}
	}
}

func TestPoolWithNothingUpHasNoCandidates(t *testing.T) {
	for _, a := range algorithms {
		p := newPool(t, a, "a:2", "b", "c")
		for _, n := range p.Nodes() {
			n.SetOperator(Down)
		}
		c := p.Candidates(Client{Key: 42, Keyed: true})
		if n := c.Next(); n != nil {
			t.Errorf("%v: %s", a, n.Name)
		}
		p.node("a").SetOperator(Up)
		c = p.Candidates(Client{Key: 42, Keyed: true})
		if n := c.Next(); n == nil || n.Name != "a" {
			t.Errorf("%v: the node that came back is no candidate", a)
		}
		if n := c.Next(); n != nil {
			t.Errorf("%v: after the last comes %s", a, n.Name)
		}
		if n := c.Next(); n != nil {
			t.Errorf("%v: after the end comes %s", a, n.Name)
		}
	}
}

func TestNodeThatGoesDownBetweenTwoCandidatesIsPassedOver(t *testing.T) {
	for _, a := range algorithms {
		for i := range 1000 {
			p := newPool(t, a, "a", "b", "c", "d")
			c := p.Candidates(Client{Key: mix(uint64(i)), Keyed: true})
			tried := []*Node{c.Next()}
			lost := p.nodes[i%4]
			lost.SetHealth(Down)
			for n := c.Next(); n != nil; n = c.Next() {
				if n == lost || slices.Contains(tried, n) {
					t.Fatalf("%v: %s after %v, %s is down", a, n.Name, tried, lost.Name)
				}
				tried = append(tried, n)
			}
			want := 3
			if tried[0] == lost {
				want = 4
			}
			if len(tried) != want {
				t.Fatalf("%v: %d candidates, want %d", a, len(tried), want)
			}
		}
	}
}

func TestSessionWithoutAKeyGoesToTheLessLoaded(t *testing.T) {
	for _, a := range []Algorithm{ConsistentHash, SourceIP} {
		p := newPool(t, a, "a", "b")
		p.node("a").Acquire()
		for range 100 {
			c := p.Candidates(Client{})
			if n := c.Next(); n.Name != "b" {
				t.Fatalf("%v: %s, which holds a session, before %s, which holds none", a, n.Name, "b")
			}
		}
	}
}

func TestCandidatesAreASmallPlainValue(t *testing.T) {
	if size := unsafe.Sizeof(Candidates{}); size != 32 {
		t.Errorf("%d bytes; every session that dials carries it", size)
	}
	p := newPool(t, ConsistentHash, "a", "b", "c")
	c := p.Candidates(Client{Key: 42, Keyed: true})
	c.Next()
	kept := c
	if c.Next() != kept.Next() {
		t.Error("a copy does not go on from where it was taken")
	}
}

func TestChoosingAllocatesNothing(t *testing.T) {
	for _, a := range algorithms {
		p := newPool(t, a, "a:1", "b:2", "c:3")
		id := []byte("device-000001")
		allocs := testing.AllocsPerRun(100, func() {
			c := p.Candidates(Client{Key: Hash(id), Keyed: true})
			for c.Next() != nil {
			}
		})
		if allocs != 0 {
			t.Errorf("%v: %v allocations", a, allocs)
		}
	}
}

func TestLoopsChooseAtOnce(t *testing.T) {
	for _, a := range algorithms {
		p := newPool(t, a, "a:1", "b:2", "c:3", "d:3")
		for _, n := range p.Nodes() {
			n.MaxConnections = 3 // set before the loops start, so that Acquire sometimes refuses
		}
		var loops sync.WaitGroup
		for loop := range 4 {
			loops.Go(func() {
				for i := range 2000 {
					switch i % 50 { // meanwhile the operator and the health checks change states
					case 10:
						p.nodes[loop].SetHealth(Down)
					case 20:
						p.nodes[loop].SetHealth(Up)
					case 30:
						p.nodes[loop].SetOperator(Draining)
					case 40:
						p.nodes[loop].SetOperator(Up)
					}
					c := p.Candidates(Client{Key: mix(uint64(i)), Keyed: i%3 > 0})
					for n := c.Next(); n != nil; n = c.Next() {
						if n.Acquire() {
							n.Release()
							break
						}
					}
				}
			})
		}
		loops.Wait()
		for _, n := range p.Nodes() {
			if n.Open() != 0 {
				t.Errorf("%v: %s holds %d at the end", a, n.Name, n.Open())
			}
		}
	}
}

func BenchmarkFirstCandidate(b *testing.B) {
	for _, a := range algorithms {
		for _, n := range []int{3, 100} {
			b.Run(fmt.Sprintf("%v/%d", a, n), func(b *testing.B) {
				p := newPool(b, a, emqx(n, "")...)
				b.ReportAllocs()
				key := uint64(1)
				for b.Loop() {
					key += 0x9e3779b97f4a7c15
					c := p.Candidates(Client{Key: key, Keyed: true})
					if c.Next() == nil {
						b.Fatal("no candidate")
					}
				}
			})
		}
	}
}

func BenchmarkHashAndFirstCandidate(b *testing.B) {
	p := newPool(b, ConsistentHash, emqx(3, "")...)
	id := []byte("device-000001")
	b.ReportAllocs()
	for b.Loop() {
		id[12]++
		c := p.Candidates(Client{Key: Hash(id), Keyed: true})
		if c.Next() == nil {
			b.Fatal("no candidate")
		}
	}
}
