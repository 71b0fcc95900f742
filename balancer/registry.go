package balancer

import (
	"runtime"
	"sync"
	"weak"
)

// Registry gives the nodes of a new pool the state of the nodes that they replace.
// A pool that is built from a changed configuration then goes on where the pool of
// the old configuration was. The zero value is ready, and may be used from several
// goroutines at once.
//
// Three things are shared, each by what it is a fact of:
//
//   - the operator's word, by all nodes of one name, in every pool;
//   - the count of open sessions, by the nodes of one name in the pools of one name;
//   - the health checks' verdict and the resolved addresses, by those of them that
//     have the same address as configured: another address is another broker until
//     it is probed and resolved.
//
// A state lives as long as a Node that has it. Sessions hold the nodes of pools that
// were replaced, so that a node which is taken out and comes back finds its open
// sessions again. The Registry itself keeps nothing alive.
type Registry struct {
	operators  table[string, operatorWord]
	counts     table[nodeKey, sessionCount]
	conditions table[addressKey, condition]
}

// nodeKey identifies a node among all pools.
type nodeKey struct{ pool, node string }

// addressKey identifies an address of a node.
type addressKey struct {
	nodeKey
	address string
}

// Join gives each node of a new pool the state that its predecessors have. It is
// called once, before anything else uses the pool.
func (r *Registry) Join(p *Pool) {
	for _, n := range p.nodes {
		key := nodeKey{p.Name, n.Name}
		n.operator = r.operators.join(n.Name, n.operator)
		n.count = r.counts.join(key, n.count)
		n.condition = r.conditions.join(addressKey{key, n.Address}, n.condition)
	}
}

// table finds the states of one kind by key.
type table[K comparable, S any] struct {
	mu     sync.Mutex // guards the field below
	states map[K]weak.Pointer[S]
}

// tableEntry is an entry of a table.
type tableEntry[K comparable, S any] struct {
	key   K
	state weak.Pointer[S]
}

// join returns the state that a key has already; without one it becomes own.
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

// forget removes an entry whose state is gone, unless the key has a new one.
func (t *table[K, S]) forget(e tableEntry[K, S]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.states[e.key] == e.state {
		delete(t.states, e.key)
	}
}
