package proxy

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/rate"
)

// addresses counts the connections of each client address, for the limits of one.
// It is touched when the address of a connection is known and when that ends, never
// between. Where nothing is limited nothing is counted.
//
// Its memory is bounded: an address has an entry while it has connections, and
// leaves a time behind for the second in which its rate still remembers them.
type addresses struct {
	seed   maphash.Seed
	shards [addressShards]addressShard
}

// addressLimits are the limits of one address.
type addressLimits struct {
	most uint32    // connections at the same time; 0: no limit
	pace rate.Pace // of new ones
}

type addressShard struct {
	mu   sync.Mutex // guards the fields below
	open map[addressKey]tally

	// Of addresses without a connection, the time at which their next one would be
	// on schedule, by the second in which they closed their last one: this one or
	// the one before. No time is later than a second after it.
	resting, before map[addressKey]int64
	began           int64 // this second, in ns
	// forgotten is the latest time for which there was no room. Addresses without an
	// entry start from it: who was over the rate stays so, however many others come.
	forgotten int64
}

// tally is what an address has open.
type tally struct {
	admitted, refused uint32 // refused: those that are told so
	next              int64  // of the pace
}

// addressKey is what counts as one address: of IPv6 a network of 64 bits, since any
// host has a whole one to choose from.
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

// shard is the one of a key. Its hash is keyed: nobody can choose addresses that meet.
func (a *addresses) shard(key addressKey) *addressShard {
	return &a.shards[maphash.Comparable(a.seed, key)%addressShards]
}

// enter counts a connection that begins and says what it is to be refused with;
// outcomeNone: it is within the limits. What was counted is to leave. A refused one
// that was not counted is to be closed at once; an unknown address is neither. now is
// in ns.
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

// leave uncounts a connection that ends; refused is what enter said.
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

// restLocked remembers an address without connections for as long as it matters.
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
