package balancer

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// newPool builds a pool of nodes that are given as name or name:weight.
func newPool(t testing.TB, algorithm Algorithm, nodes ...string) *Pool {
	t.Helper()
	spec := PoolSpec{Name: "test", Algorithm: algorithm}
	for i, s := range nodes {
		name, weight, _ := strings.Cut(s, ":")
		n := NodeSpec{Name: name, Address: fmt.Sprintf("127.0.0.1:%d", 1883+i)}
		if weight != "" {
			if _, err := fmt.Sscan(weight, &n.Weight); err != nil {
				t.Fatal(err)
			}
		}
		spec.Nodes = append(spec.Nodes, n)
	}
	p, err := NewPool(spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// emqx returns n node specs, emqx-1 to emqx-n, all with the suffix.
func emqx(n int, suffix string) []string {
	nodes := make([]string, n)
	for i := range nodes {
		nodes[i] = fmt.Sprintf("emqx-%d%s", i+1, suffix)
	}
	return nodes
}

func (p *Pool) node(name string) *Node {
	for _, n := range p.nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// fleets are client identifiers as real devices have them.
var fleets = []struct {
	name string
	id   func(i int) string
}{
	{"sequential", func(i int) string { return fmt.Sprintf("device-%06d", i) }},
	{"uuid", func() func(int) string {
		r := rand.New(rand.NewPCG(1, 2))
		return func(int) string {
			a, b := r.Uint64(), r.Uint64()
			return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&(1<<48-1))
		}
	}()},
	{"mac", func(i int) string { return fmt.Sprintf("24:6F:28:%02X:%02X:%02X", i>>16, i>>8&0xff, i&0xff) }},
}

const fleetSize = 200_000

func fleetKeys(id func(int) string) []uint64 {
	keys := make([]uint64, fleetSize)
	for i := range keys {
		keys[i] = Hash([]byte(id(i)))
	}
	return keys
}

func pick(p *Pool, key uint64) *Node {
	c := p.Candidates(key, true)
	return c.Next()
}

// names lists all candidates for a key.
func names(p *Pool, key uint64, keyed bool) []string {
	var all []string
	c := p.Candidates(key, keyed)
	for n := c.Next(); n != nil; n = c.Next() {
		all = append(all, n.Name)
	}
	return all
}
