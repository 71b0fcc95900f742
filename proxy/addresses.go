package proxy

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/rate"
)

// addresses counts the connections of each client address for the limits of one address. A connection
// is counted when its address is known and uncounted when it ends. Without such limits nothing is
// counted.
//
// Its memory is bounded. An address has an entry while it has connections; after that only the time of
// its pace is kept, for the second in which it still matters.
type addresses struct {
	seed   maphash.Seed
	shards [addressShards]addressShard
}

// addressLimits are the limits of one address.
type addressLimits struct {
	most uint32    // connections at the same time; 0: no limit
	pace rate.Pace // of new connections
}

type addressShard struct {
	mu   sync.Mutex // guards the fields below
	open map[addressKey]tally

	// resting and before hold, for addresses without a connection, the time at which their next
	// connection is on schedule. resting holds the addresses whose last connection closed in this
	// second, before those of the second before. No such time is more than a second after the close.
	resting, before map[addressKey]int64
	began           int64 // start of this second, in ns
	// forgotten is the latest time that was dropped for want of room. Addresses without an entry start
	// from it, so that an address over its rate stays over it even if a flood of other addresses fills
	// the table.
	forgotten int64
}

// tally counts the open connections of an address.
type tally struct {
	admitted, refused uint32 // refused: connections that linger after their refusal
	next              int64  // the time of the pace
}

// addressKey identifies an address for the limits. An IPv6 address counts as its network of 64 bits,
// since a host can choose any address in it.
type addressKey [16]byte

func keyOf(a netip.Addr) addressKey {
	key := addressKey(a.As16()) // IPv4 is mapped into IPv6
	if a.Unmap().Is6() {
		clear(key[8:])
	}
	return key
}

func newAddresses() *addresses {
	a := &addresses{seed: maphash.MakeSeed()}
	for i := range a.shards {
		a.shards[i].open = map[addressKey]tally{}
	}
	return a
}

// shard returns the shard of a key. The hash is seeded, so that nobody can choose addresses that share
// a shard.
func (a *addresses) shard(key addressKey) *addressShard {
	return &a.shards[maphash.Comparable(a.seed, key)%addressShards]
}

// enter counts a new connection and returns the outcome with which to refuse it, or outcome.None if it
// is within the limits. If counted is true, the caller must call leave at the end of the connection. A
// refused connection that was not counted must be closed at once. An unknown address is neither
// refused nor counted. now is in ns.
func (a *addresses) enter(from netip.Addr, limits addressLimits, now int64) (refused outcome.Outcome, counted bool) {
	if limits == (addressLimits{}) || !from.IsValid() {
		return outcome.None, false
	}
	key := keyOf(from)
	s := a.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.open[key]
	if !ok {
		t.next = max(s.resting[key], s.before[key], s.forgotten)
	}
	switch next, inTime := limits.pace.Take(t.next, now); {
	case limits.most > 0 && t.admitted >= limits.most:
		refused = outcome.RefusedAddress
	case !inTime:
		refused = outcome.RefusedAddressRate
	default:
		t.next = next
	}
	switch {
	case refused == outcome.None:
		t.admitted++
	case t.refused < addressHeadroom:
		t.refused++
	default:
		return refused, false
	}
	s.open[key] = t
	return refused, true
}

// leave uncounts a connection that ends. refused tells whether enter refused it.
func (a *addresses) leave(from netip.Addr, refused bool, now int64) {
	key := keyOf(from)
	s := a.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.open[key]
	if refused {
		t.refused--
	} else {
		t.admitted--
	}
	if t.admitted > 0 || t.refused > 0 {
		s.open[key] = t
		return
	}
	delete(s.open, key)
	s.restLocked(key, t.next, now)
}

// restLocked remembers the time of an address without connections while it is in the future.
func (s *addressShard) restLocked(key addressKey, next, now int64) {
	if now-s.began >= int64(time.Second) {
		s.before, s.resting, s.began = s.resting, nil, now
	}
	switch {
	case next <= now:
		return
	case len(s.resting) >= addressesResting:
		s.forgotten = max(s.forgotten, next)
		return
	case s.resting == nil:
		s.resting = map[addressKey]int64{}
	}
	s.resting[key] = next
}
