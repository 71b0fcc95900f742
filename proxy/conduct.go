package proxy

import (
	"hash/maphash"
	"net/netip"
	"sync"

	"mqttlb/proxy/snapshot"
)

// conduct counts, for each client address, the connections that were refused for a fault of the client and the
// sessions that were accepted. An address with too many refusals is to be banned, unless it has more good
// sessions than refusals: behind a NAT or a gateway there are many clients.
//
// Its memory is bounded. An address has an entry while it has accepted sessions. Of the others each shard keeps
// a number; a further one takes the place of the least conspicuous of some. So a flood from more addresses than
// that makes the process forget refusals, and bans nobody by mistake.
type conduct struct {
	seed   maphash.Seed
	shards [addressShards]conductShard
	pace   banPace
}

type conductShard struct {
	mu    sync.Mutex // guards the fields below
	known map[addressKey]behaviour
	idle  int // entries without open sessions
}

// behaviour is what an address has done in the time that bans.within gives it, which begins with a refusal or
// with an accepted session.
type behaviour struct {
	began             int64 // in ns
	refused, accepted uint32
	open              uint32 // accepted sessions that have not ended, however old
}

func newConduct() *conduct {
	c := &conduct{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].known = map[addressKey]behaviour{}
	}
	return c
}

func (c *conduct) shard(key addressKey) *conductShard {
	return &c.shards[maphash.Comparable(c.seed, key)%addressShards]
}

// enter counts an accepted session, and leave its end. proven tells whether a node has accepted the client's
// CONNECT. Otherwise anybody can begin such a session, and it is good only as long as it is open.
func (c *conduct) enter(from netip.Addr, proven bool, rule *snapshot.Bans, now int64) {
	if proven {
		c.pace.accepted.Add(1)
	}
	key := keyOf(from)
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.known[key]
	if ok && b.open == 0 {
		s.idle--
	}
	b.renew(rule, now)
	if proven {
		b.accepted++
	}
	b.open++
	s.known[key] = b
}

func (c *conduct) leave(from netip.Addr) {
	key := keyOf(from)
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.known[key]
	b.open--
	if b.open > 0 {
		s.known[key] = b
		return
	}
	delete(s.known, key)
	s.keepLocked(key, b)
}

// refused counts a refusal, and reports whether the address is to be banned for it.
func (c *conduct) refused(key addressKey, rule *snapshot.Bans, now int64) bool {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.known[key]
	if ok && b.open == 0 {
		s.idle--
		delete(s.known, key)
	}
	b.renew(rule, now)
	b.refused++
	tooMany := b.refused >= uint32(rule.Refusals) && b.refused > max(b.accepted, b.open)
	if tooMany {
		b.refused = 0
	}
	if b.open > 0 {
		s.known[key] = b
	} else {
		s.keepLocked(key, b)
	}
	return tooMany
}

// renew begins the time anew once it is over.
func (b *behaviour) renew(rule *snapshot.Bans, now int64) {
	if b.began == 0 || now-b.began >= int64(rule.Within) {
		*b = behaviour{began: now, open: b.open}
	}
}

// keepLocked keeps the entry of an address without open sessions, which has none now.
func (s *conductShard) keepLocked(key addressKey, b behaviour) {
	if s.idle >= conductIdle && !s.forgetLocked() {
		return
	}
	s.known[key] = b
	s.idle++
}

// forgetLocked removes the entry with the fewest refusals of some, and of those with as few the oldest. It
// reports false if all that it has looked at have open sessions.
func (s *conductShard) forgetLocked() (found bool) {
	var worst addressKey
	var least behaviour
	looks := 0
	for key, b := range s.known { // begins at a random entry
		if b.open == 0 && (!found || b.refused < least.refused || b.refused == least.refused && b.began < least.began) {
			worst, least, found = key, b, true
		}
		if looks++; looks == conductLooks {
			break
		}
	}
	if found {
		delete(s.known, worst)
		s.idle--
	}
	return found
}

// tidy removes the entries of addresses without open sessions whose time is over.
func (c *conduct) tidy(rule *snapshot.Bans, now int64) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for key, b := range s.known {
			if b.open == 0 && now-b.began >= int64(rule.Within) {
				delete(s.known, key)
				s.idle--
			}
		}
		s.mu.Unlock()
	}
}
