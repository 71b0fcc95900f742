package proxy

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mqttlb/proxy/snapshot"
)

// bans holds the client addresses that are banned now. Their connections are closed as soon as the address is
// known: after the accept or the PROXY header, and before TLS. One that was open already is refused with its CONNECT or
// its next request. Sessions that are open stay.
//
// The list outlives generations. It is bounded: an address beyond mostBans is not banned.
type bans struct {
	active atomic.Int64 // length of list; a loop that finds 0 asks no further

	mu    sync.RWMutex // guards the fields below, but for the counters of a ban
	list  map[addressKey]*ban
	begun map[string]uint64 // bans since the start, by cause
}

// ban is the ban of one address.
type ban struct {
	cause  string
	began  int64 // in ns of the loops' clock
	until  int64
	closed atomic.Uint64 // connections and requests that it has refused
}

// causeOperator is the cause of a ban by an operator. The others are the names of outcomes and causeConnack.
const causeOperator = "operator"

func newBans() *bans { return &bans{list: map[addressKey]*ban{}, begun: map[string]uint64{}} }

// refuse reports whether the address is banned, and counts the connection if it is. An address that is not valid
// never is, and neither is an exempt one in a network of IPv6 that is banned for another. now is in ns of the loops'
// clock.
func (b *bans) refuse(from netip.Addr, rule *snapshot.Bans, now int64) bool {
	if b.active.Load() == 0 || !from.IsValid() {
		return false
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	found := b.list[keyOf(from)]
	if found == nil || found.until <= now || rule.Exempts(from) {
		return false
	}
	found.closed.Add(1)
	return true
}

// begin bans an address until a time, unless it is banned already; an operator changes the time of a ban. It
// reports whether the ban is a new one, and whether there was room.
func (b *bans) begin(key addressKey, cause string, now, until int64) (begun, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := b.list[key]
	switch {
	case found != nil && found.until > now && cause != causeOperator:
		return false, true // connections that were open when it began
	case found == nil && len(b.list) >= mostBans:
		return false, false
	case found == nil || found.until <= now:
		found = &ban{began: now}
		b.list[key] = found
		b.active.Store(int64(len(b.list)))
		b.begun[cause]++
		begun = true
	}
	found.cause, found.until = cause, until
	return begun, true
}

// end ends the bans that match, and returns them.
func (b *bans) end(match func(addressKey, *ban) bool) (ended []endedBan) {
	if b.active.Load() == 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, found := range b.list {
		if match(key, found) {
			delete(b.list, key)
			ended = append(ended, endedBan{key, found})
		}
	}
	b.active.Store(int64(len(b.list)))
	return ended
}

// endedBan is a ban that is over.
type endedBan struct {
	key addressKey
	*ban
}

// network returns the addresses that a key stands for: one of IPv4, or a network of IPv6.
func (k addressKey) network() netip.Prefix {
	if a := netip.AddrFrom16(k).Unmap(); a.Is4() {
		return netip.PrefixFrom(a, a.BitLen())
	}
	return netip.PrefixFrom(netip.AddrFrom16(k), 64)
}

// String returns the address, or the network of IPv6.
func (k addressKey) String() string {
	if p := k.network(); !p.IsSingleIP() {
		return p.String()
	}
	return k.network().Addr().String()
}

// Ban is an address that is banned now.
type Ban struct {
	Address      netip.Prefix // a single address of IPv4, or a network of IPv6
	Cause        string       // of the last refusal: an outcome or connack; or operator
	Began, Until time.Time
	Closed       uint64 // connections and requests that it has refused
}

func (srv *Server) banOf(key addressKey, b *ban) Ban {
	return Ban{
		Address: key.network(), Cause: b.cause, Closed: b.closed.Load(),
		Began: srv.epoch.Add(time.Duration(b.began)), Until: srv.epoch.Add(time.Duration(b.until)),
	}
}

// Bans returns the bans that are in force. Those that end last come first.
func (srv *Server) Bans() []Ban {
	now := srv.now()
	b := srv.bans
	b.mu.RLock()
	defer b.mu.RUnlock()
	all := make([]Ban, 0, len(b.list))
	for key, found := range b.list {
		if found.until > now {
			all = append(all, srv.banOf(key, found))
		}
	}
	slices.SortFunc(all, func(a, b Ban) int {
		return cmp.Or(b.Until.Compare(a.Until), a.Address.Addr().Compare(b.Address.Addr()))
	})
	return all
}

// BanStats counts bans.
type BanStats struct {
	Active   int
	Begun    map[string]uint64 // since the start, by cause
	Withheld uint64            // bans that were not made, since too few sessions are accepted
	LastHeld time.Time         // when the last of them was not made; the zero time: never

	ClientsHeld uint64 // times that a client identifier was held off
}

func (srv *Server) banStats() (s BanStats) {
	b := srv.bans
	b.mu.RLock()
	defer b.mu.RUnlock()
	s.Active, s.Begun = len(b.list), maps.Clone(b.begun)
	withheld, last := srv.conduct.pace.withholding()
	if s.Withheld = withheld; last != 0 {
		s.LastHeld = srv.epoch.Add(time.Duration(last))
	}
	s.ClientsHeld = srv.clientIDs.holds.Load()
	return s
}

// now returns the time of the loops' clock.
func (srv *Server) now() int64 { return int64(time.Since(srv.epoch)) }
