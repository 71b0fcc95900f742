package snapshot

import (
	"slices"

	"mqttlb/proxy/hostname"
	"mqttlb/proxy/match"
)

// A Question asks for the ways of a client of which not everything is known.
type Question struct {
	match.Facts // Connect is not nil, and has the identifier

	Host, Path string // of an upgrade
	Known      Known
}

// Known is the set of the facts of a Question that are known beside the identifier. What is known may be none: no SNI, no user name.
type Known uint8

// The facts.
const (
	KnownSNI Known = 1 << iota
	KnownUsername
	KnownVersion
	KnownAddress
	KnownHost
	KnownPath
)

// Has reports whether a fact is known.
func (k Known) Has(fact Known) bool { return k&fact != 0 }

// A Way is one that a client may take through a listener.
type Way struct {
	Route *Route // nil: no route of the listener takes the client
	Pool  *Pool

	// Undecided are the conditions of the route about what is not known, by their names in the configuration. Without
	// any, the way is certain, unless there is one before it.
	Undecided []string
}

// Ways returns the ways that a client may take through the listener to a pool of sessions, in order: the last one is certain, or
// taken if no other is. There are none if the client cannot come to the listener.
func (ln *Listener) Ways(q *Question) (ways []Way) {
	if q.ServerName != "" && ln.TLS == nil && ln.Protocol != Passthrough {
		return nil
	}
	for i := range ln.Routes {
		r := &ln.Routes[i]
		if ln.ServesHTTP() && !r.WebSocket {
			continue // a request that is an upgrade may be one of its own, of which nothing is known
		}
		undecided, may := ln.decide(r, q)
		if !may || slices.ContainsFunc(ways, func(w Way) bool { return w.Route.Name == r.Name && w.Pool == r.Pool && r.Name != "" }) { // another path of it
			continue
		}
		ways = append(ways, Way{r, r.Pool, undecided})
		if len(undecided) == 0 {
			return ways
		}
	}
	if !ln.ServesHTTP() {
		ways = append(ways, Way{Pool: ln.Pool})
	}
	return ways
}

// decide reports whether a route may take the client, and names the conditions of which that depends.
func (ln *Listener) decide(r *Route, q *Question) (undecided []string, may bool) {
	may = true
	ask := func(name string, known, holds bool) {
		switch {
		case !known:
			undecided = append(undecided, name)
		case !holds:
			may = false
		}
	}
	facts := q.Facts
	if ln.Opaque() {
		facts.Connect = nil
	}
	if r.SNI != "" {
		name := hostname.Canonical(q.ServerName)
		ask("sni", q.Known.Has(KnownSNI), name != "" && hostname.MatchCanonical(r.SNI, name))
	}
	if r.Host != "" {
		ask("host", q.Known.Has(KnownHost), hostname.MatchCanonical(r.Host, hostname.Canonical(q.Host)))
	}
	if r.WebSocket {
		ask("path", q.Known.Has(KnownPath) || !ln.choosesByPath(), !q.Known.Has(KnownPath) || MatchUpgrade(r.Path, RoutePath(q.Path)))
	}
	conditions, holds := q.decide(&r.Match, &facts)
	undecided, may = append(undecided, conditions...), may && holds
	if r.Share != nil && !r.Share.Whole() {
		key, keyed := ShareKey(&facts)
		known := facts.Connect != nil && len(facts.Connect.ClientID) > 0 || // otherwise the user name counts, or else the address
			q.Known.Has(KnownAddress) && (facts.Connect == nil || q.Known.Has(KnownUsername)) || facts.Connect != nil && len(facts.Connect.Username) > 0
		ask("share", known, keyed && r.Share.Takes(key))
	}
	return undecided, may && r.isOpen()
}

// choosesByPath reports whether the listener's routes to WebSocket have different paths. On a listener of protocol WS each route has all.
func (ln *Listener) choosesByPath() bool {
	paths := ln.UpgradePaths()
	return ln.Protocol == HTTP && slices.ContainsFunc(paths, func(path string) bool { return path != paths[0] })
}
