package config

import (
	"cmp"
	"slices"
	"strings"
)

// checkRoutes checks the routes of a listener at a path: each must match something that
// no earlier route matches.
func checkRoutes(l *Listener, s *source, at string) {
	routes := l.Routes
	if len(routes) > maxRoutes {
		s.errorf(item(at, maxRoutes), "is one route too many; a listener has at most %d", maxRoutes)
		routes = routes[:maxRoutes]
	}
	listener := parent(at)
	for i := range routes {
		r, at := &routes[i], item(at, i)
		switch {
		case !s.valid(child(listener, "protocol")): // what a route may have is open
		case l.Protocol == Passthrough:
			checkPassthroughRoute(s, at)
		case l.Protocol.hasOneKindOfRoute():
			checkSNIRoute(l.Protocol, s, at)
		default:
			checkRequestRoute(r, s, at)
		}
		sni := child(at, "sni")
		if s.written(sni) && l.TLS == nil && l.Protocol != Passthrough && s.valid(sni, child(listener, "protocol"), child(listener, "tls")) {
			s.errorf(sni, "has no meaning without tls on the listener; in the clear there is no SNI")
		}
		if !matches(s, at) {
			continue
		}
		for j := range i {
			earlier := item(parent(at), j)
			if !matches(s, earlier) || !routes[j].covers(r) {
				continue
			}
			s.errorf(at, "takes nothing: routes[%d], before it, takes %s", j, routes[j].what())
			break
		}
	}
}

// checkRequestRoute checks a route on a listener of protocol http.
func checkRequestRoute(r *Route, s *source, at string) {
	protocol, origins := child(at, "protocol"), child(at, "allowed_origins")
	if s.written(origins) && r.Protocol != WS && s.valid(origins, protocol) {
		s.errorf(origins, "has no meaning with protocol %s; only ws has a list of origins", r.Protocol)
	}
	checkOnce(r.AllowedOrigins, identity, "origin", s, origins)
	if !hasCondition(s, at) && s.written(child(at, "pool")) {
		s.errorf(at, "has neither host nor path nor sni; what no route takes goes to the listener's pool")
	}
}

// checkSNIRoute checks a route on a listener of protocol mqtt or ws.
func checkSNIRoute(p Protocol, s *source, at string) {
	hints := map[string]string{"host": "write sni, the name that a client asks for in TLS"}
	if p == WS {
		hints["path"], hints["allowed_origins"] = "it is the listener's", "they are the listener's"
	}
	for _, key := range []string{"host", "path", "protocol", "allowed_origins"} {
		path := child(at, key)
		if !s.written(path) || !s.valid(path) {
			continue
		}
		hint := cmp.Or(hints[key], "a route there has sni and pool")
		s.errorf(path, "has no meaning on a listener of protocol %s; %s", p, hint)
	}
	if !hasCondition(s, at) && s.written(child(at, "pool")) {
		s.errorf(at, "has no sni; what no route takes goes to the listener's pool")
	}
}

// checkPassthroughRoute checks a route on a listener of protocol tls.
func checkPassthroughRoute(s *source, at string) {
	for _, key := range []string{"path", "protocol", "allowed_origins"} {
		if path := child(at, key); s.written(path) && s.valid(path) {
			s.errorf(path, "has no meaning on a listener of protocol tls, which sees the host in the SNI and nothing else")
		}
	}
	sni := child(at, "sni")
	switch {
	case s.written(sni):
		if s.valid(sni) {
			s.errorf(sni, "has no meaning on a listener of protocol tls; host is the SNI there")
		}
	case !s.written(child(at, "host")) && s.written(child(at, "pool")):
		s.errorf(at, "has no host; what no route takes goes to the listener's pool")
	}
}

// conditions are the keys of a route that say what it takes.
var conditions = []string{"host", "path", "sni"}

// hasCondition reports whether the route at a path says what it takes.
func hasCondition(s *source, at string) bool {
	return slices.ContainsFunc(conditions, func(key string) bool { return s.written(child(at, key)) })
}

// matches reports whether the route at a path has a condition, and all could be read.
func matches(s *source, at string) bool {
	for _, key := range conditions {
		if !s.valid(child(at, key)) {
			return false
		}
	}
	return hasCondition(s, at) && s.valid(child(at, "protocol"))
}

// what describes what a route matches.
func (r *Route) what() string {
	if r.Path == "" { // not of a listener of protocol http
		return cmp.Or(r.Host, r.SNI)
	}
	what := abbreviate(r.Path)
	if r.takesBelow() {
		what = "all below " + what
	}
	of := " of every host"
	if r.Host != "" {
		of = " of " + r.Host
	}
	if r.SNI != "" {
		of += " with the SNI " + r.SNI
	}
	return what + of
}

// takesBelow reports whether the route matches every path that begins with its own.
func (r *Route) takesBelow() bool {
	return r.Protocol == HTTP && strings.HasSuffix(r.Path, "/")
}

// covers reports whether r matches everything that other matches.
func (r *Route) covers(other *Route) bool {
	if !hostCovers(r.Host, other.Host) || !hostCovers(r.SNI, other.SNI) {
		return false
	}
	if r.takesBelow() {
		return strings.HasPrefix(other.Path, r.Path)
	}
	return r.Path == other.Path && !other.takesBelow()
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
