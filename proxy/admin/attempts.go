package admin

import (
	"net/netip"
	"sync"
	"time"
)

// attempts count wrong tokens by address. An address with many of them gets one comparison a second, so
// that guessing is hopeless. Other addresses are not affected, nor is an address that has shown the right
// token lately: whoever shares an address with an attacker keeps access.
type attempts struct {
	mu sync.Mutex // guards by
	by map[netip.Prefix]attempt
}

// attempt is the state of one address.
type attempt struct {
	wrong   float64   // at the time last; one is forgotten each second
	last    time.Time // of a wrong or a right token
	trusted time.Time // when the right token came last
}

// at returns the state at a later time.
func (a attempt) at(now time.Time) attempt {
	a.wrong = max(0, a.wrong-now.Sub(a.last).Seconds())
	a.last = now
	return a
}

// allow reports whether a token from the address may be compared.
func (l *attempts) allow(from netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	a, ok := l.by[from]
	return !ok || now.Sub(a.trusted) < trustTime || a.at(now).wrong < wrongBurst
}

// fail counts a wrong token.
func (l *attempts) fail(from netip.Prefix) {
	l.change(from, func(a *attempt) { a.wrong++ })
}

// succeed notes a right token.
func (l *attempts) succeed(from netip.Prefix) {
	l.change(from, func(a *attempt) { a.wrong, a.trusted = 0, a.last })
}

func (l *attempts) change(from netip.Prefix, f func(*attempt)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	a, ok := l.by[from]
	if !ok && len(l.by) >= maxAddresses {
		l.forgetLocked(now)
	}
	a = a.at(now)
	f(&a)
	if l.by == nil {
		l.by = map[netip.Prefix]attempt{}
	}
	l.by[from] = a
}

// forgetLocked makes room: it forgets the addresses whose wrong tokens are forgotten, or else the one that
// was seen last the longest ago. Trusted addresses are the last to go.
func (l *attempts) forgetLocked(now time.Time) {
	var victim netip.Prefix
	var of attempt
	for from, a := range l.by {
		trusted := now.Sub(a.trusted) < trustTime
		if !trusted && a.at(now).wrong == 0 {
			delete(l.by, from)
			continue
		}
		if !trusted {
			a.trusted = time.Time{}
		}
		if of.last.IsZero() || a.trusted.Before(of.trusted) || a.trusted.Equal(of.trusted) && a.last.Before(of.last) {
			victim, of = from, a
		}
	}
	if len(l.by) >= maxAddresses {
		delete(l.by, victim)
	}
}
