package match

import (
	"net/netip"
	"slices"

	"mqttlb/proxy/hostname"
)

// A Set finds the first of many matches that holds for a client. A match that names identifiers or their prefixes, user names or
// theirs, networks, or a host is found by one of these; all others are tried in order. A Set is immutable, and any number of
// goroutines may use it.
type Set struct {
	matches   []Match
	clientIDs texts
	usernames texts
	networks  addresses
	hosts     map[string][]int32 // by the fixed part of a ServerName
	rest      []int32            // that no index has
}

// NewSet returns the set of some matches, which it keeps.
func NewSet(matches []Match) *Set {
	s := &Set{matches: matches}
	uses := useOf(matches)
	clientIDs, usernames, networks := newTextIndex(), newTextIndex(), map[netip.Prefix][]int32{}
	for i := range matches {
		number := int32(i)
		switch m := &matches[i]; uses.rarest(m) {
		case byClientID:
			clientIDs.add(m.ClientID, number)
		case byUsername:
			usernames.add(m.Username, number)
		case byNetwork:
			for _, p := range m.Networks.sorted {
				networks[p] = append(networks[p], number)
			}
		case byHost:
			s.addHost(m.ServerName, number)
		case byNothing:
			s.rest = append(s.rest, number)
		}
	}
	s.clientIDs, s.usernames, s.networks = clientIDs.freeze(), usernames.freeze(), newAddresses(networks)
	return s
}

// Match returns a match by its index.
func (s *Set) Match(i int) *Match { return &s.matches[i] }

// First returns the index of the first match that holds for a client, or -1.
func (s *Set) First(f *Facts) int { return s.FirstOf(f, nil) }

// FirstOf is First among the matches of which fits says so; nil: all.
func (s *Set) FirstOf(f *Facts, fits func(i int) bool) int {
	none := int32(len(s.matches))
	first := none
	if f.Connect != nil {
		first = s.firstOf(&s.clientIDs, f.Connect.ClientID, f, fits, first)
		if f.Connect.HasUsername {
			first = s.firstOf(&s.usernames, f.Connect.Username, f, fits, first)
		}
	}
	if s.networks.of != nil {
		for i := s.networks.narrowest(f.Address); i >= 0; i = int(s.networks.within[i]) {
			first = s.earlier(s.networks.of[i], f, fits, first)
		}
	}
	if len(s.hosts) > 0 && f.ServerName != "" {
		first = s.firstOfHost(hostname.Canonical(f.ServerName), f, fits, first)
	}
	first = s.earlier(s.rest, f, fits, first)
	if first == none {
		return -1
	}
	return int(first)
}

// firstOf returns the first match before a limit that holds and names a text; the limit if there is none.
func (s *Set) firstOf(index *texts, text []byte, f *Facts, fits func(int) bool, limit int32) int32 {
	if index.exact != nil {
		limit = s.earlier(index.exact[string(text)], f, fits, limit)
	}
	if index.of != nil {
		for i := longest(index.prefixes, text); i >= 0; i = int(index.prefixes.within[i]) {
			limit = s.earlier(index.of[i], f, fits, limit)
		}
	}
	return limit
}

// earlier returns the first of some matches, in their order, that holds, fits and comes before a limit; the limit if there is none.
func (s *Set) earlier(of []int32, f *Facts, fits func(int) bool, limit int32) int32 {
	for _, i := range of {
		if i >= limit {
			break
		}
		if s.matches[i].Holds(f) && (fits == nil || fits(int(i))) {
			return i
		}
	}
	return limit
}

// texts finds matches by the values and the prefixes of a pattern.
type texts struct {
	exact    map[string][]int32
	prefixes *prefixes
	of       [][]int32 // by the index of the prefix
}

// A textIndex is a texts in the making.
type textIndex struct{ exact, prefix map[string][]int32 }

func newTextIndex() textIndex { return textIndex{map[string][]int32{}, map[string][]int32{}} }

// add adds a match with a pattern that has no regular expression.
func (x *textIndex) add(p *Pattern, number int32) {
	for _, v := range p.exact {
		x.exact[v] = append(x.exact[v], number)
	}
	if p.prefixes != nil {
		for _, v := range p.prefixes.sorted {
			x.prefix[v] = append(x.prefix[v], number)
		}
	}
}

func (x *textIndex) freeze() (t texts) {
	if len(x.exact) > 0 {
		t.exact = x.exact
	}
	if len(x.prefix) == 0 {
		return t
	}
	values := make([]string, 0, len(x.prefix))
	for v := range x.prefix {
		values = append(values, v)
	}
	t.prefixes = newPrefixes(values)
	for _, v := range t.prefixes.sorted {
		t.of = append(t.of, x.prefix[v])
	}
	return t
}

// addresses finds matches by their networks.
type addresses struct {
	*Networks
	of [][]int32 // by the index of the network
}

func newAddresses(of map[netip.Prefix][]int32) (a addresses) {
	if len(of) == 0 {
		return a
	}
	all := make([]netip.Prefix, 0, len(of))
	for p := range of {
		all = append(all, p)
	}
	a.Networks = NewNetworks(all)
	for _, p := range a.sorted {
		a.of = append(a.of, of[p])
	}
	return a
}

// key is the condition by which a match is found.
type key uint8

const (
	byNothing key = iota
	byClientID
	byUsername
	byNetwork
	byHost
)

// uses counts how many matches have each value, since the one that the fewest share finds a match with the least work.
type uses struct {
	clientIDs, usernames map[string]int // a prefix and an equal value are counted together
	networks             map[netip.Prefix]int
}

func useOf(matches []Match) uses {
	u := uses{map[string]int{}, map[string]int{}, map[netip.Prefix]int{}}
	for i := range matches {
		m := &matches[i]
		for _, v := range m.ClientID.values() {
			u.clientIDs[v]++
		}
		for _, v := range m.Username.values() {
			u.usernames[v]++
		}
		if m.Networks != nil {
			for _, p := range m.Networks.sorted {
				u.networks[p]++
			}
		}
	}
	return u
}

// rarest returns the condition of a match whose values the fewest matches share.
func (u *uses) rarest(m *Match) key {
	best, fewest := byNothing, 0
	consider := func(k key, sharing int) {
		if sharing > 0 && (best == byNothing || sharing < fewest) {
			best, fewest = k, sharing
		}
	}
	consider(byClientID, sharing(m.ClientID.values(), u.clientIDs))
	consider(byUsername, sharing(m.Username.values(), u.usernames))
	if m.Networks != nil {
		consider(byNetwork, sharing(m.Networks.sorted, u.networks))
	}
	if best == byNothing && m.ServerName != "" {
		best = byHost
	}
	return best
}

// sharing returns the most uses of one of some values; 0: there is none.
func sharing[T comparable](values []T, uses map[T]int) (most int) {
	for _, v := range values {
		most = max(most, uses[v])
	}
	return most
}

// values returns the values and prefixes of a pattern, if they are all that it has.
func (p *Pattern) values() []string {
	switch {
	case p == nil || len(p.regexes) > 0:
		return nil
	case p.prefixes == nil:
		return p.exact
	}
	return slices.Concat(p.exact, p.prefixes.sorted)
}
