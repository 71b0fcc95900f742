package balancer

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// FuzzCandidates checks that each node that is up is a candidate exactly once, tier by tier, whatever
// the algorithm, tiers, weights, loads, states, outliers, ramps and client. If no node is up, each node
// that the operator has not taken out must be a candidate exactly once. Nodes may change while
// the session walks: none may come twice then.
func FuzzCandidates(f *testing.F) {
	f.Add(uint8(0), true, false, uint64(1), uint64(0), []byte{1, 2, 3})
	f.Add(uint8(0), true, true, uint64(1<<63), uint64(0xf0f0), []byte{0x41, 0x41, 0x41, 0x81, 0x41})
	f.Add(uint8(1), false, false, uint64(0), uint64(1), []byte{0xff, 0x80, 0x00})
	f.Add(uint8(2), true, false, uint64(7), uint64(5), []byte{0x3f, 0x01, 0x01, 0x41})
	f.Add(uint8(3), true, true, uint64(9), uint64(0xffffffffffff), []byte{0x05, 0x05, 0xc5, 0x05, 0x05, 0x05})
	f.Add(uint8(4), false, false, uint64(9), uint64(0), []byte{0x05})
	f.Add(uint8(10), true, false, uint64(9), uint64(0x123456789), bytes.Repeat([]byte{0x05}, 150))
	f.Add(uint8(35), true, false, uint64(9), uint64(0x123456789), []byte{0x05, 0x0a, 0x10, 0x1b, 0xc7, 0x09, 0x12})
	f.Add(uint8(22), false, false, uint64(1), uint64(0xffff), []byte{0xc5, 0xca, 0xd0, 0xdb, 0xc7, 0xc9, 0xd2})
	f.Fuzz(func(t *testing.T, settings uint8, keyed, persistent bool, key, marks uint64, nodes []byte) {
		if len(nodes) == 0 || len(nodes) > 200 {
			return
		}
		spec, tiers := PoolSpec{Algorithm: Algorithm(settings % 5)}, int(settings/10%4)+1
		if settings/5%2 == 1 {
			spec.SlowStart = time.Hour
			if spec.Algorithm == ConsistentHash || spec.Algorithm == SourceIP {
				spec.MaxLoad = 1.25
			}
		}
		for i, b := range nodes { // six bits of weight, two of state
			spec.Nodes = append(spec.Nodes, NodeSpec{
				Name: fmt.Sprint("n", i), Address: "127.0.0.1:1", Weight: int(b & 0x3f),
				Priority: int(b>>3) % tiers, Backup: tiers > 2 && b&2 > 0,
			})
		}
		p, err := NewPool(spec)
		if err != nil {
			t.Fatal(err)
		}
		marked := func(i, of int) bool { return marks>>((3*i+of)%64)&1 == 1 }
		up := make(map[*Node]bool)
		for i, n := range p.Nodes() {
			n.SetOperator(State(nodes[i] >> 6 % 3))
			n.SetHealth(pickState(nodes[i]>>6 != 3))
			for range nodes[i] & 7 {
				n.Acquire()
			}
			if marked(i, 0) && n.Health() == Down {
				n.SetHealth(Draining)
			}
			if marked(i, 1) {
				n.condition.judge(outlier, outlier)
			}
			if marked(i, 2) {
				n.condition.cameUp.Store(now())
			}
			if n.isUp() {
				up[n] = true
			}
		}
		client := Client{Key: key, Keyed: keyed, Persistent: persistent}
		start := p.Candidates(client)
		var above *Node // the last candidate of the tiers before
		for c, ok := start, len(up) > 0; ok; c, ok = start.Below(&c) {
			var last *Node
			for n := c.Next(); n != nil; n = c.Next() {
				if !up[n] {
					t.Fatalf("%s is %v, or came before", n.Name, n.State())
				}
				if last != nil && n.tier != last.tier || above != nil && n.Precedence.Compare(above.Precedence) <= 0 {
					t.Fatalf("%s with precedence %+v came too late", n.Name, n.Precedence)
				}
				last = n
				delete(up, n)
			}
			if last != nil {
				above = last
			}
		}
		if len(up) != 0 {
			t.Fatalf("%d nodes were left out", len(up))
		}
		if above == nil { // no node is up
			for _, n := range p.Nodes() {
				if n.Operator() == Up {
					up[n] = true
				}
			}
			for _, n := range candidateNodes(p, client) {
				if !up[n] {
					t.Fatalf("%s is %v, or came before", n.Name, n.State())
				}
				delete(up, n)
			}
			if len(up) != 0 {
				t.Fatalf("%d nodes are no last resort", len(up))
			}
		}
		seen := make(map[*Node]bool)
		for c, ok := start, true; ok; c, ok = start.Below(&c) {
			for n := c.Next(); n != nil; n = c.Next() {
				if seen[n] {
					t.Fatalf("%s came twice", n.Name)
				}
				seen[n] = true
				changed := p.nodes[int(mix(marks+uint64(len(seen)))%uint64(len(p.nodes)))]
				changed.condition.judge(outlier, changed.condition.verdict.Load()&outlier^outlier)
				if marked(len(seen), 0) {
					changed.SetHealth(pickState(changed.Health() != Up))
				}
				n.Acquire()
			}
		}
	})
}
