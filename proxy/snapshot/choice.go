package snapshot

import (
	"iter"
	"net/http"
	"slices"

	"mqttlb/proxy/hostname"
	"mqttlb/proxy/match"
)

// ConnectionRoute returns the first route that takes a client of a listener that does not serve HTTP; nil: Pool gets it.
func (ln *Listener) ConnectionRoute(f match.Facts) *Route {
	if len(ln.Routes) == 0 {
		return nil
	}
	c := choiceFor(f)
	if ln.index != nil {
		return ln.found(ln.index.FirstOf(&c.Facts, func(i int) bool { return c.takesToo(&ln.Routes[i]) }))
	}
	for i := range ln.Routes {
		if r := &ln.Routes[i]; c.may(r) {
			return r
		}
	}
	return nil
}

// IndexRoutes makes the search for the route of a client quick however many routes there are. It is called before the listener is
// used; without it, the routes are tried one after the other.
func (ln *Listener) IndexRoutes() {
	matches := make([]match.Match, len(ln.Routes))
	for i := range ln.Routes {
		r := &ln.Routes[i]
		matches[i] = r.Match
		matches[i].ServerName = r.SNI
	}
	ln.index = match.NewSet(matches)
}

// found returns the route of an index; nil for -1.
func (ln *Listener) found(i int) *Route {
	if i < 0 {
		return nil
	}
	return &ln.Routes[i]
}

// RouteOf returns the first route that takes a request of a client, or nil. The request's path is in its normal form. The
// host of an absolute URL goes before the Host field: RFC 9112 section 3.2.2. A route to WebSocket takes a request if its
// client may meet the conditions of the route once its CONNECT has come; UpgradeRoute decides then.
func (ln *Listener) RouteOf(r *http.Request, f match.Facts) *Route {
	search := ln.search(r, f)
	return search.next()
}

// UpgradeRoute returns the route of the client of an upgrade, now that its CONNECT has come; nil: there is none.
func (ln *Listener) UpgradeRoute(r *http.Request, f match.Facts) *Route {
	search := ln.search(r, f)
	search.upgraded = true
	if ln.index != nil {
		return ln.found(ln.index.FirstOf(&search.Facts, func(i int) bool { return search.fits(&ln.Routes[i]) && search.takesToo(&ln.Routes[i]) }))
	}
	return search.next()
}

// Candidates returns the routes that may take a request of a client, in order. If the first is one to WebSocket, so are
// all, up to one that takes the client whatever its CONNECT is. Otherwise it is the only one.
func (ln *Listener) Candidates(r *http.Request, f match.Facts) iter.Seq[*Route] {
	return func(yield func(*Route) bool) {
		search := ln.search(r, f)
		for route := search.next(); route != nil && yield(route) && route.WebSocket && !route.IsCertain(); route = search.next() {
			search.upgraded = true
		}
	}
}

// sameCandidates reports whether two requests of a client may go the same ways.
func (ln *Listener) sameCandidates(a, b *http.Request, f match.Facts) bool {
	return slices.Equal(slices.Collect(ln.Candidates(a, f)), slices.Collect(ln.Candidates(b, f)))
}

// A search goes through the routes for one request.
type search struct {
	choice
	routes     []Route // that are left
	host, path string
	upgraded   bool // the request is an upgrade to WebSocket
}

func (ln *Listener) search(r *http.Request, f match.Facts) search {
	if r.TLS != nil {
		f.ServerName = r.TLS.ServerName
	}
	return search{choice: choiceFor(f), routes: ln.Routes, host: hostname.Canonical(r.Host), path: routedPath(r.URL)}
}

// next returns the next route that may take the request, or nil.
func (s *search) next() *Route {
	for len(s.routes) > 0 {
		r := &s.routes[0]
		s.routes = s.routes[1:]
		if s.fits(r) && s.may(r) {
			return r
		}
	}
	return nil
}

// fits reports whether the request is one that the route is for.
func (s *search) fits(r *Route) bool {
	return (r.WebSocket || !s.upgraded) && r.matchesRequest(s.host, s.path)
}

// A choice is that of a route for one client.
type choice struct {
	match.Facts
	name string // that it asks for in TLS, in the spelling of package hostname

	key           uint64 // of shares; valid once hashed
	hashed, keyed bool
}

func choiceFor(f match.Facts) choice { return choice{Facts: f, name: hostname.Canonical(f.ServerName)} }

// may reports whether a route may take the client: it meets every condition on clients, those on a CONNECT that has not come
// left out.
func (c *choice) may(r *Route) bool {
	switch {
	case r.SNI != "" && (c.name == "" || !hostname.MatchCanonical(r.SNI, c.name)):
		return false
	case r.WebSocket && c.Connect == nil: // it is still to come
		if !r.Match.HoldsSoFar(&c.Facts) {
			return false
		}
	case !r.Match.Holds(&c.Facts) || !c.inShare(r):
		return false
	}
	return r.isOpen()
}

// takesToo reports whether the route takes a client that its Match and its SNI hold for, and whose CONNECT has come.
func (c *choice) takesToo(r *Route) bool { return c.inShare(r) && r.isOpen() }

// isOpen reports whether the route takes clients now.
func (r *Route) isOpen() bool { return !r.Fallback || r.Pool.HasUp() }

// inShare reports whether the client is in the route's share.
func (c *choice) inShare(r *Route) bool {
	if r.Share == nil || r.Share.Whole() {
		return true
	}
	if !c.hashed {
		c.key, c.keyed = ShareKey(&c.Facts)
		c.hashed = true
	}
	return c.keyed && r.Share.Takes(c.key)
}

// IsCertain reports whether the route takes every client of whom it takes the connection or the request: no condition waits for a
// CONNECT, and none may change until it has come.
func (r *Route) IsCertain() bool { return r.Share == nil && !r.Fallback && !r.Match.NeedsConnect() }

// matchesRequest reports whether the host and the path of a request are those of the route.
func (r *Route) matchesRequest(host, path string) bool {
	if r.Host != "" && !hostname.MatchCanonical(r.Host, host) {
		return false
	}
	if r.WebSocket {
		return MatchUpgrade(r.Path, path)
	}
	return MatchPath(r.Path, path)
}
