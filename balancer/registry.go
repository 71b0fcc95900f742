package balancer

import (
	"fmt"
	"runtime"
	"sync"
	"weak"
)

// Registry gives the nodes of a new pool the state of the nodes that they replace. A pool
// built from a changed configuration then continues with the state of the old pool. The
// zero value is ready for use. Several goroutines may use a Registry at once.
//
// Nodes share four parts of their state:
//
//   - the operator's word: all nodes of one name, in every pool;
//   - the count of open sessions, and the schedule of new ones: nodes of one name in pools
//     of one name;
//   - the verdict of the health checks and the resolved addresses: nodes of one name
//     and configured address in pools of one name. Another address is another broker
//     until it is probed and resolved.
//
// A part lives as long as any Node that has it. Sessions hold the nodes of replaced
// pools, so a node that is removed and added again finds its open sessions. The Registry
// itself keeps nothing alive.
type Registry struct {
	operators  table[string, operatorWord]
	counts     table[nodeKey, sessionCount]
	schedules  table[nodeKey, schedule]
	conditions table[addressKey, condition]
}

// nodeKey identifies a node among all pools.
type nodeKey struct{ pool, node string }

// addressKey identifies an address of a node.
type addressKey struct {
	nodeKey
	address string
}

// Join gives each node of a new pool the state of its predecessors. Call it once, before
// any other use of the pool.
func (r *Registry) Join(p *Pool) {
	for _, n := range p.nodes {
		key := nodeKey{p.Name, n.Name}
		n.operator = r.operators.join(n.Name, n.operator)
		n.count = r.counts.join(key, n.count)
		n.schedule = r.schedules.join(key, n.schedule)
		n.condition = r.conditions.join(addressKey{key, p.place(n)}, n.condition)
		if known := p.known[n]; known != nil {
			n.SetAddrs(known) // anew, since the count of the sessions at them may be another one
		}
	}
}

// place returns where a node is: another place is another broker.
func (p *Pool) place(n *Node) string {
	if known := p.known[n]; known != nil {
		return fmt.Sprint(n.Address, known)
	}
	return n.Address
}

// table maps keys to shared states of one kind.
type table[K comparable, S any] struct {
	mu     sync.Mutex // guards entries
	states map[K]weak.Pointer[S]
}

// tableEntry is an entry of a table.
type tableEntry[K comparable, S any] struct {
	key   K
	state weak.Pointer[S]
}

// join returns the state that the key already has. If there is none, join registers own
// and returns it.
func (t *table[K, S]) join(key K, own *S) *S {
	t.mu.Lock()
	defer t.mu.Unlock()
	if state := t.states[key].Value(); state != nil {
		return state
	}
	if t.states == nil {
		t.states = make(map[K]weak.Pointer[S])
	}
	state := weak.Make(own)
	t.states[key] = state
	runtime.AddCleanup(own, t.forget, tableEntry[K, S]{key, state})
	return own
}

// forget removes an entry whose state was collected, unless the key has a new state.
func (t *table[K, S]) forget(e tableEntry[K, S]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.states[e.key] == e.state {
		delete(t.states, e.key)
	}
}
