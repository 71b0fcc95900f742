package balancer

import (
	"fmt"
	"math"
	"testing"
)

const identifiers = 100_000

// keysOf returns the keys of as many clients, with identifiers as devices have them.
func keysOf(n int) []uint64 {
	keys := make([]uint64, n)
	for i := range keys {
		keys[i] = Hash(fmt.Appendf(nil, "sensor-%06d", i))
	}
	return keys
}

// taken counts the clients of a share.
func taken(s Share, keys []uint64) (n int) {
	for _, key := range keys {
		if s.Takes(key) {
			n++
		}
	}
	return n
}

// deviations returns by how many standard deviations a number of successes is off.
func deviations(got, of int, p float64) float64 {
	return math.Abs(float64(got)-float64(of)*p) / math.Sqrt(float64(of)*p*(1-p))
}

func TestAShareTakesItsPartOfTheClients(t *testing.T) {
	keys := keysOf(identifiers)
	for _, millionths := range []int{5_000, 10_000, 50_000, 333_333, 500_000, 990_000} {
		s := NewShare("canary", millionths)
		if got := taken(s, keys); deviations(got, identifiers, float64(millionths)/WholeShare) > 4 {
			t.Errorf("%d of %d clients are in a share of %d millionths", got, identifiers, millionths)
		}
	}
	if got := taken(NewShare("canary", 0), keys); got != 0 {
		t.Errorf("nobody is to be in, %d are", got)
	}
	if got := taken(NewShare("canary", WholeShare), keys); got != identifiers {
		t.Errorf("%d of %d are in", got, identifiers)
	}
}

func TestAGreaterShareKeepsTheClientsOfASmallerOne(t *testing.T) {
	in := map[uint64]bool{}
	for millionths := 0; millionths <= WholeShare; millionths += 12_500 {
		s := NewShare("canary", millionths)
		for _, key := range keysOf(10_000) {
			if takes := s.Takes(key); in[key] && !takes {
				t.Fatalf("a client that was in is out at %d millionths", millionths)
			} else if takes {
				in[key] = true
			}
			if place := s.Place(key); s.Takes(key) != (place < millionths) || place < 0 || place >= WholeShare {
				t.Fatalf("place %d of %d", place, millionths)
			}
		}
	}
}

func TestTheClientsOfAShareAreSpreadAsAllClientsAre(t *testing.T) {
	pool := func(name string, nodes ...string) *Pool {
		spec := PoolSpec{Name: name}
		for _, n := range nodes {
			spec.Nodes = append(spec.Nodes, NodeSpec{Name: n, Address: "127.0.0.1:1883"})
		}
		p, err := NewPool(spec)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	// A node that is called as the pool of the share is the worst case.
	stable, canary := pool("emqx", "emqx-1", "emqx-2", "canary", "emqx-4"), pool("canary", "canary", "canary-2")
	s, out, in := NewShare("canary", 50_000), map[string]int{}, map[string]int{}
	all := 0
	for _, key := range keysOf(identifiers) {
		if s.Takes(key) {
			in[canary.Home(key).Name]++
			out[stable.Home(key).Name]++ // that each would have had
			all++
		}
	}
	for pool, counts := range map[int]map[string]int{4: out, 2: in} {
		if len(counts) != pool {
			t.Errorf("the clients are on %v", counts)
		}
		for node, n := range counts {
			if deviations(n, all, 1/float64(pool)) > 4 {
				t.Errorf("%d of the %d clients of the share are on %s, one of %d nodes", n, all, node, pool)
			}
		}
	}
}

func TestTheSharesOfTwoPoolsAreIndependent(t *testing.T) {
	a, b := NewShare("canary", 100_000), NewShare("blue", 100_000)
	both := 0
	for _, key := range keysOf(identifiers) {
		if a.Takes(key) && b.Takes(key) {
			both++
		}
	}
	if deviations(both, identifiers, 0.01) > 4 {
		t.Errorf("%d of %d clients are in both of two shares of 10 %%", both, identifiers)
	}
}

// Replicas of two releases must agree.
func TestTheClientsOfAShareNeverChange(t *testing.T) {
	s := NewShare("canary", 50_000)
	for id, want := range map[string]int{"sensor-000001": 179_993, "sensor-000002": 872_237, "": 364_803, "device/4711": 789_647} {
		if got := s.Place(Hash([]byte(id))); got != want {
			t.Errorf("%q has the place %d, want %d", id, got, want)
		}
	}
}
