package balancer

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// newPool builds a pool of nodes given as name or name:weight.
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

// emqx returns the specs of n nodes, emqx-1 to emqx-n, each with the suffix.
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

const fleetSize = 200_000

// fleets are sets of client identifiers, as real devices have them.
var fleets = []struct {
	name string
	keys func() []uint64
}{
	{"sequential", fleet(func(b []byte, i int) []byte { return fmt.Appendf(b, "device-%06d", i) })},
	{"uuid", fleet(func(b []byte, i int) []byte {
		high, low := mix(uint64(2*i)), mix(uint64(2*i+1))
		return fmt.Appendf(b, "%08x-%04x-4%03x-8%03x-%012x", high>>32, high>>16&0xffff, high&0xfff, low>>52, low&(1<<48-1))
	})},
	{"mac", fleet(func(b []byte, i int) []byte {
		return fmt.Appendf(b, "24:6F:28:%02X:%02X:%02X", i>>16, i>>8&0xff, i&0xff)
	})},
}

func fleet(appendID func(b []byte, i int) []byte) func() []uint64 {
	return sync.OnceValue(func() []uint64 {
		keys := make([]uint64, fleetSize)
		var id []byte
		for i := range keys {
			id = appendID(id[:0], i)
			keys[i] = Hash(id)
		}
		return keys
	})
}

func pick(p *Pool, key uint64) *Node {
	c := p.Candidates(Client{Key: key, Keyed: true})
	return c.Next()
}

// names lists all candidates for a key.
func names(p *Pool, key uint64, keyed bool) []string {
	return candidateNames(p, Client{Key: key, Keyed: keyed})
}

// candidateNodes lists all candidates of a client.
func candidateNodes(p *Pool, client Client) (nodes []*Node) {
	c := p.Candidates(client)
	for n := c.Next(); n != nil; n = c.Next() {
		nodes = append(nodes, n)
	}
	return nodes
}

func candidateNames(p *Pool, client Client) (all []string) {
	for _, n := range candidateNodes(p, client) {
		all = append(all, n.Name)
	}
	return all
}
