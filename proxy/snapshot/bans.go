package snapshot

import (
	"net/netip"
	"slices"
	"time"
)

// Bans says which client addresses are banned for a while. The zero value bans none.
type Bans struct {
	Refusals int           // within Within, after which an address is banned; 0: none is
	Within   time.Duration // counted from the first of them
	Time     time.Duration // of a ban
	Exempt   []netip.Prefix
}

// Exempts reports whether an address is never banned.
func (b *Bans) Exempts(a netip.Addr) bool {
	a = a.Unmap()
	return slices.ContainsFunc(b.Exempt, func(p netip.Prefix) bool { return p.Contains(a) })
}

// ClientIDLimit limits the sessions that one client begins. The zero value is no limit.
type ClientIDLimit struct {
	Sessions int // within Within; 0: no limit
	Within   time.Duration
	Hold     time.Duration // how long a client over the limit is held off
}
