package config

import (
	"net/netip"
	"slices"
	"strings"
)

// Whether a condition takes all that another one takes. Where that takes more than a look, as with two regular expressions, the
// answer is no.

// covers reports whether m holds for every client for which other holds.
func (m *Match) covers(other *Match) bool {
	c, d := &m.Certificate, &other.Certificate
	return coversNetworks(m.CIDR, other.CIDR) && hostCovers(m.SNI, other.SNI) &&
		m.ClientID.covers(&other.ClientID) && m.Username.covers(&other.Username) &&
		(m.UsernamePresent.covers(other.UsernamePresent) || m.UsernamePresent == FlagTrue && !other.Username.IsZero()) &&
		m.Will.covers(other.Will) && m.CleanStart.covers(other.CleanStart) && m.KeepAlive.covers(other.KeepAlive) &&
		coversWords(m.Version, other.Version) &&
		c.Present.covers(d.Present) && c.CN.covers(&d.CN) && c.Subject.covers(&d.Subject) && c.IssuerCN.covers(&d.IssuerCN) &&
		c.DNS.covers(&d.DNS) && c.Email.covers(&d.Email) && c.URI.covers(&d.URI)
}

// covers reports whether the pattern holds for every text for which other holds.
func (p *Pattern) covers(other *Pattern) bool {
	if p.IsZero() {
		return true
	}
	begins := func(text string) bool {
		return slices.ContainsFunc(p.Prefix, func(prefix string) bool { return strings.HasPrefix(text, prefix) })
	}
	for _, text := range other.Exact {
		if !slices.Contains(p.Exact, text) && !begins(text) {
			return false
		}
	}
	for _, prefix := range other.Prefix {
		if !begins(prefix) {
			return false
		}
	}
	return !other.IsZero() && coversAll(p.Regex, other.Regex)
}

// coversAll reports whether the values have all of others.
func coversAll[T comparable](values, others []T) bool {
	return !slices.ContainsFunc(others, func(v T) bool { return !slices.Contains(values, v) })
}

// coversWords is coversAll for a condition on one word of a few; an empty one is none.
func coversWords[T comparable](values, others []T) bool {
	return len(values) == 0 || len(others) > 0 && coversAll(values, others)
}

func (f Flag) covers(other Flag) bool { return f == "" || f == other }

func (r KeepAliveRange) covers(other KeepAliveRange) bool {
	return r.Min <= other.Min && (r.Max == 0 || other.Max > 0 && other.Max <= r.Max)
}

func coversNetworks(networks, others []netip.Prefix) bool {
	if len(networks) == 0 {
		return true
	}
	outside := func(p netip.Prefix) bool {
		return !slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Bits() <= p.Bits() && n.Contains(p.Addr()) })
	}
	return len(others) > 0 && !slices.ContainsFunc(others, outside)
}

// hostCovers reports whether pattern a matches every host that pattern b matches.
func hostCovers(a, b string) bool {
	if a == "" || a == b {
		return true
	}
	if end, ok := strings.CutPrefix(a, "*"); ok { // .example.com
		return len(b) > len(end) && strings.HasSuffix(b, end) && !strings.HasSuffix(b, ".*")
	}
	if begin, ok := strings.CutSuffix(a, "*"); ok { // ws.
		return len(b) > len(begin) && strings.HasPrefix(b, begin)
	}
	return false
}

// hostsMeet reports whether some host matches both patterns.
func hostsMeet(a, b string) bool {
	return hostCovers(a, b) || hostCovers(b, a) ||
		strings.HasPrefix(a, "*") && strings.HasSuffix(b, "*") || strings.HasSuffix(a, "*") && strings.HasPrefix(b, "*")
}
