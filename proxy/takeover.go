package proxy

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// A broker ends the session of a client that connects to it again [MQTT-3.1.4-3]. Brokers that form no cluster do
// not know each other's clients: one whose hash leads to another node than before, because its node was down
// meanwhile or another one was added, may have sessions on both. With pools[].takeover we end the older one.
//
// Only a node can tell a client from a stranger who uses its identifier, so a session takes over once its node has
// accepted it.

// owners are the sessions that own client identifiers, in pools with takeover.
type owners struct {
	seed   maphash.Seed
	shards [ownerShards]ownerShard
	count  atomic.Int64
}

type ownerShard struct {
	mu    sync.Mutex // guards the map and the owners in it
	owned map[string]*owner
}

// owner is a session that owns its client identifier.
type owner struct {
	loop  *loop
	slot  uint32
	birth uint32 // of the client's stream
	flow  *flow  // names its pool and node
	next  *owner // of the same identifier, in a pool of other brokers
}

func newOwners() *owners {
	t := &owners{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].owned = map[string]*owner{}
	}
	return t
}

// shard returns the shard of an identifier. The hash is seeded, so that nobody can choose identifiers that share one.
func (t *owners) shard(id string) *ownerShard {
	return &t.shards[maphash.String(t.seed, id)%ownerShards]
}

// takeOver makes the session the one that owns its client identifier, if its pool asks for it, and ends the one that has
// owned it if that is on another node. On the same node the broker ends it.
func (l *loop) takeOver(s *session) {
	pool, id := s.pending.pool, s.clientID()
	if !pool.TakeOver || s.assigned || id == "" || len(id) >= loggedID { // one of this size may be the beginning of a longer one
		return
	}
	s.counted |= inOwners
	old := l.server.owners.add(id, &owner{loop: l, slot: s.slot, birth: s.client.birth, flow: s.flow}, pool)
	if old == nil || old.flow.Node == s.flow.Node {
		return
	}
	old.loop.callbackTo(old.slot, old.birth)(func(s *session) {
		if s.step < stepLeave {
			old.loop.resume(s, old.loop.leave(s, outcome.TakenOver))
		}
	})
}

// add adds an owner and returns the one that it replaces, or nil: a session of the same pool, or of one that has nodes of
// the same brokers.
func (t *owners) add(id string, own *owner, pool *snapshot.Pool) (replaced *owner) {
	shard := t.shard(id)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	t.count.Add(1)
	own.next = shard.owned[id]
	shard.owned[id] = own
	for at := &own.next; *at != nil; at = &(*at).next {
		if old := *at; old.flow.Pool == pool.Name || pool.Has(old.flow.Node) {
			*at = old.next
			t.count.Add(-1)
			return old
		}
	}
	return nil
}

// release forgets a session that ends, unless another one has taken over.
func (t *owners) release(l *loop, s *session) {
	id := s.clientID()
	shard := t.shard(id)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	first := shard.owned[id]
	for at := &first; *at != nil; at = &(*at).next {
		if o := *at; o.loop == l && o.slot == s.slot && o.birth == s.client.birth {
			*at = o.next
			t.count.Add(-1)
			break
		}
	}
	if first == nil {
		delete(shard.owned, id)
	} else {
		shard.owned[id] = first
	}
}
