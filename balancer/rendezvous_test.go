package balancer

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestHeaviestOfFiveEqualNodesHoldsAtMost1_03OfTheMean(t *testing.T) {
	for _, fleet := range fleets {
		t.Run(fleet.name, func(t *testing.T) {
			p := newPool(t, ConsistentHash, emqx(5, "")...)
			counts := make([]int, 5)
			for _, key := range fleet.keys() {
				counts[slices.Index(p.Nodes(), pick(p, key))]++
			}
			ratio := float64(slices.Max(counts)) / (fleetSize / 5)
			t.Logf("heaviest holds %.4f of the mean", ratio)
			if ratio > 1.03 {
				t.Errorf("heaviest holds %.4f of the mean: %v", ratio, counts)
			}
		})
	}
}

func TestWeightsSplitTheFleetWithinTwoPercent(t *testing.T) {
	for _, fleet := range fleets {
		for _, weights := range [][]int{{1, 2, 3}, {3, 1, 2}, {1, 100}, {255, 256, 254}, {10, 20, 30}} {
			t.Run(fmt.Sprint(fleet.name, weights), func(t *testing.T) {
				var nodes []string
				total := 0
				for i, w := range weights {
					nodes = append(nodes, fmt.Sprintf("emqx-%d:%d", i+1, w))
					total += w
				}
				p := newPool(t, ConsistentHash, nodes...)
				counts := make([]int, len(weights))
				for _, key := range fleet.keys() {
					counts[slices.Index(p.Nodes(), pick(p, key))]++
				}
				for i, w := range weights {
					want := float64(fleetSize) * float64(w) / float64(total)
					// Where a share is small, chance alone may deviate by 4 standard
					// deviations.
					tolerance := max(0.02*want, 4*math.Sqrt(want))
					if math.Abs(float64(counts[i])-want) > tolerance {
						t.Errorf("weight %d of %d holds %d clients, want %.0f ± %.0f", w, total, counts[i], want, tolerance)
					}
				}
			})
		}
	}
}

func TestLostNodeMovesExactlyItsOwnClients(t *testing.T) {
	for _, nodes := range [][]string{emqx(5, ""), {"emqx-1:1", "emqx-2:2", "emqx-3:3", "emqx-4:3", "emqx-5:9"}} {
		p := newPool(t, ConsistentHash, nodes...)
		lost := p.node("emqx-3")
		moved := make(map[string]int)
		for _, key := range fleets[0].keys() {
			lost.SetHealth(Up)
			before := pick(p, key)
			c := p.Candidates(Client{Key: key, Keyed: true})
			c.Next()
			second := c.Next()
			lost.SetHealth(Down)
			after := pick(p, key)
			switch {
			case before != lost && after != before:
				t.Fatalf("key %x moved from %s to %s", key, before.Name, after.Name)
			case before == lost && after != second:
				t.Fatalf("key %x moved to %s, its second candidate is %s", key, after.Name, second.Name)
			case before == lost:
				moved[after.Name]++
			}
		}
		if len(moved) != 4 {
			t.Errorf("clients of the lost node went to %v, want all four others", moved)
		}
	}
}

func TestNodeThatIsRemovedMovesNobodyElse(t *testing.T) {
	for _, suffix := range []string{"", ":7"} {
		five := newPool(t, ConsistentHash, append(emqx(4, ""), "emqx-5"+suffix)...)
		four := newPool(t, ConsistentHash, emqx(4, "")...)
		came := 0
		keys := fleets[0].keys()
		for _, key := range keys {
			with, without := pick(five, key), pick(four, key)
			if with.Name == "emqx-5" {
				came++
			} else if with.Name != without.Name {
				t.Fatalf("key %x moved from %s to %s", key, without.Name, with.Name)
			}
		}
		weight := five.node("emqx-5").Weight
		want := float64(len(keys)) * float64(weight) / float64(4+weight)
		if math.Abs(float64(came)-want) > 0.02*want {
			t.Errorf("a new node of weight %d took %d clients, want %.0f", weight, came, want)
		}
	}
}

func TestChangedWeightMovesOnlyTheShareThatMustMove(t *testing.T) {
	pools := []*Pool{
		newPool(t, ConsistentHash, "emqx-1:2", "emqx-2:2", "emqx-3:2"), // equal weights: the hash alone decides
		newPool(t, ConsistentHash, "emqx-1:2", "emqx-2:2", "emqx-3:3"),
		newPool(t, ConsistentHash, "emqx-1:2", "emqx-2:2", "emqx-3:6"),
	}
	keys := fleets[0].keys()
	for i := range len(pools) - 1 {
		was, is := pools[i], pools[i+1]
		moved := 0
		for _, key := range keys {
			from, to := pick(was, key), pick(is, key)
			if from.Name == to.Name {
				continue
			}
			moved++
			if to.Name != "emqx-3" {
				t.Fatalf("key %x moved from %s to %s", key, from.Name, to.Name)
			}
		}
		a, b := float64(was.node("emqx-3").Weight), float64(is.node("emqx-3").Weight)
		want := (b/(4+b) - a/(4+a)) * fleetSize
		if math.Abs(float64(moved)-want) > 0.02*want {
			t.Errorf("weight %v to %v moved %d clients, want %.0f", a, b, moved, want)
		}
	}
}

func TestOrderHangsOnNamesAndWeightsAlone(t *testing.T) {
	spec := PoolSpec{Name: "tcp", Nodes: []NodeSpec{
		{Name: "a", Address: "127.0.0.1:1883"}, {Name: "b", Address: "127.0.0.2:1883", Weight: 2},
		{Name: "c", Address: "127.0.0.3:1883"}, {Name: "d", Address: "127.0.0.4:1883", Weight: 5},
	}}
	tcp, err := NewPool(spec)
	if err != nil {
		t.Fatal(err)
	}
	// The same pool for WebSocket, on another replica: other addresses, another order.
	spec.Name = "ws"
	spec.Nodes = slices.Clone(spec.Nodes)
	slices.Reverse(spec.Nodes)
	for i := range spec.Nodes {
		spec.Nodes[i].Address = fmt.Sprintf("broker.example:%d", 8083+i)
	}
	ws, err := NewPool(spec)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10_000 {
		key := Hash(fmt.Appendf(nil, "device-%06d", i))
		if a, b := names(tcp, key, true), names(ws, key, true); !slices.Equal(a, b) {
			t.Fatalf("key %x: %v in one pool, %v in the other", key, a, b)
		}
	}
}

// The search takes short cuts and must still find the order of all draws sorted.
func TestOrderIsThatOfAllDrawsSorted(t *testing.T) {
	for _, weights := range [][]int{{1, 1, 1, 1}, {1, 2, 3, 4}, {5, 1, 5, 1, 256, 5}, {7}} {
		var nodes []string
		for i, w := range weights {
			nodes = append(nodes, fmt.Sprintf("emqx-%d:%d", i+1, w))
		}
		p := newPool(t, ConsistentHash, nodes...)
		for i := range 2000 {
			key := mix(uint64(i))
			lost := p.nodes[i%len(p.nodes)]
			if i%2 == 1 {
				lost.SetOperator(Down)
			}
			var draws []draw
			for rank, n := range p.top.ranked {
				if n.State() == Up {
					draws = append(draws, p.top.drawOf(key, rank))
				}
			}
			slices.SortFunc(draws, func(a, b draw) int {
				if a.before(b) {
					return -1
				}
				return 1
			})
			var want []string
			for _, d := range draws {
				want = append(want, p.top.ranked[d.rank].Name)
			}
			if got := names(p, key, true); !slices.Equal(got, want) {
				t.Fatalf("weights %v, key %x: %v, want %v", weights, key, got, want)
			}
			lost.SetOperator(Up)
		}
	}
}

func TestEqualWeightsGiveTheOrderOfTheWeightedFormula(t *testing.T) {
	plain := newPool(t, ConsistentHash, emqx(20, "")...)
	weighted := newPool(t, ConsistentHash, emqx(20, "")...)
	weighted.top.classes[0].reciprocal = reciprocal(3)
	for i := range 10_000 {
		key := mix(uint64(i))
		if a, b := names(plain, key, true), names(weighted, key, true); !slices.Equal(a, b) {
			t.Fatalf("key %x: %v by hash, %v by cost", key, a, b)
		}
	}
}

func TestNodesWhoseNameHashesCollideStandByName(t *testing.T) {
	p := newPool(t, ConsistentHash, "c", "a", "b")
	for i := range p.top.classes[0].nameHashes {
		p.top.classes[0].nameHashes[i] = 42
	}
	for _, key := range []uint64{0, 42, 1 << 63} {
		if got := names(p, key, true); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("key %d: %v", key, got)
		}
	}
}

func BenchmarkConsistentHash(b *testing.B) {
	for _, n := range []int{3, 100} {
		for _, suffix := range []string{"", ":1"} {
			nodes := emqx(n, suffix)
			name := "equal"
			if suffix != "" {
				name = "weighted"
				nodes[0] = "emqx-1:2"
			}
			b.Run(fmt.Sprintf("%d-%s", n, name), func(b *testing.B) {
				p := newPool(b, ConsistentHash, nodes...)
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

// A change of any line here moves the clients of every fleet at its next update.
func TestGoldenPicks(t *testing.T) {
	equal := newPool(t, ConsistentHash, emqx(5, "")...)
	weighted := newPool(t, ConsistentHash, "emqx-1:1", "emqx-2:2", "emqx-3:3", "emqx-4:3", "emqx-5:7")
	for _, tt := range []struct{ id, equal, weighted string }{
		{"device-000001", "emqx-2 emqx-4 emqx-1 emqx-5 emqx-3", "emqx-2 emqx-4 emqx-5 emqx-1 emqx-3"},
		{"device-000002", "emqx-2 emqx-4 emqx-3 emqx-5 emqx-1", "emqx-2 emqx-4 emqx-5 emqx-3 emqx-1"},
		{"device-000003", "emqx-3 emqx-4 emqx-1 emqx-2 emqx-5", "emqx-3 emqx-4 emqx-5 emqx-1 emqx-2"},
		{"24:6F:28:00:00:01", "emqx-5 emqx-1 emqx-2 emqx-4 emqx-3", "emqx-5 emqx-4 emqx-1 emqx-2 emqx-3"},
		{"24:6F:28:00:00:02", "emqx-4 emqx-1 emqx-3 emqx-2 emqx-5", "emqx-4 emqx-3 emqx-1 emqx-5 emqx-2"},
		{"9b2fa9c5-7f6e-4b7e-8d6b-3c0a4d9f1e22", "emqx-3 emqx-2 emqx-4 emqx-5 emqx-1", "emqx-3 emqx-5 emqx-4 emqx-2 emqx-1"},
		{"mosq-XyZ", "emqx-2 emqx-5 emqx-4 emqx-3 emqx-1", "emqx-2 emqx-5 emqx-4 emqx-3 emqx-1"},
		{"a", "emqx-4 emqx-2 emqx-1 emqx-5 emqx-3", "emqx-4 emqx-2 emqx-5 emqx-1 emqx-3"},
	} {
		key := Hash([]byte(tt.id))
		if got := strings.Join(names(equal, key, true), " "); got != tt.equal {
			t.Errorf("%q, equal weights: %s, want %s", tt.id, got, tt.equal)
		}
		if got := strings.Join(names(weighted, key, true), " "); got != tt.weighted {
			t.Errorf("%q, weighted: %s, want %s", tt.id, got, tt.weighted)
		}
	}
}
