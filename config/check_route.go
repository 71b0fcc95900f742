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
	listener, compared := parent(at), make([]bool, len(routes))
	for i := range routes {
		r, at := &routes[i], item(at, i)
		switch {
		case !s.valid(child(listener, "protocol")): // what a route may have is open
		case l.Protocol == Passthrough:
			checkPassthroughRoute(s, at)
		case l.Protocol.hasOneKindOfRoute():
			checkConnectionRoute(l.Protocol, s, at)
		default:
			checkRequestRoute(r, s, at)
			checkRouteHost(l, r, s, at)
		}
		checkRouteMatch(l, r, s, at)
		if compared[i] = matches(s, at); !compared[i] {
			continue
		}
		for j := range i {
			if !compared[j] || !routes[j].covers(r) {
				continue
			}
			s.errorf(at, "takes nothing: routes[%d], before it, takes %s", j, routes[j].what())
			break
		}
	}
	checkUpgradesOfAll(l, s, at)
	checkExpressions(routes, s, at)
}

// checkRequestRoute checks a route on a listener of protocol http.
func checkRequestRoute(r *Route, s *source, at string) {
	protocol := child(at, "protocol")
	for _, of := range []struct{ key, hint string }{
		{"allowed_origins", "only ws has a list of origins"},
		{"paths", "write a route for each path, or one whose path ends in / for all below"},
		{"subprotocol", "only ws has subprotocols"},
	} {
		if key := child(at, of.key); s.written(key) && r.Protocol != WS && s.valid(key, protocol) {
			s.errorf(key, "has no meaning with protocol %s; %s", r.Protocol, of.hint)
		}
	}
	// Elsewhere a star is every path below, so that /api/* would be taken for a rule about /api/x, which it is not.
	if path := child(at, "path"); r.Protocol == HTTP && strings.Contains(r.Path, "*") && s.valid(path, protocol) {
		s.errorf(path, "%s has a star, which has no meaning with protocol http; a path that ends in / takes all below it, as %s",
			quote(r.Path), strings.TrimSuffix(r.Path, "*"))
	}
	checkPaths(r.Paths, s, at)
	checkOnce(r.AllowedOrigins, identity, "origin", s, child(at, "allowed_origins"))
	if !hasCondition(s, at) && s.written(child(at, "pool")) {
		s.errorf(at, "has no condition, as host, path, sni or cidr; what no route takes goes to the listener's pool")
	}
}

// checkConnectionRoute checks a route on a listener of protocol mqtt, ws or tcp.
func checkConnectionRoute(p Protocol, s *source, at string) {
	hints := map[string]string{"host": "write sni, the name that a client asks for in TLS"}
	if p == WS {
		for _, key := range []string{"path", "subprotocol"} {
			hints[key] = "it is the listener's"
		}
		for _, key := range []string{"paths", "allowed_origins"} {
			hints[key] = "they are the listener's"
		}
	}
	for _, key := range []string{"host", "path", "paths", "protocol", "subprotocol", "allowed_origins"} {
		path := child(at, key)
		if !s.written(path) || !s.valid(path) {
			continue
		}
		hint := cmp.Or(hints[key], "a route there has conditions on the client and a pool")
		s.errorf(path, "has no meaning on a listener of protocol %s; %s", p, hint)
	}
	if !hasCondition(s, at) && s.written(child(at, "pool")) {
		s.errorf(at, "has no condition, as sni, client_id or share; what no route takes goes to the listener's pool")
	}
}

// checkPaths checks the paths of the listener or route at a path of the configuration.
func checkPaths(paths []string, s *source, at string) {
	one, several := child(at, "path"), child(at, "paths")
	if s.written(one) && s.written(several) && s.valid(one, several) {
		s.errorf(several, "stands beside path; write all paths in paths")
	}
	checkOnce(paths, identity, "path", s, several)
}

// checkRouteHost checks that the listener lets requests for the route's host in.
func checkRouteHost(l *Listener, r *Route, s *source, at string) {
	host, allowed := child(at, "host"), child(parent(parent(at)), "allowed_hosts")
	if r.Host == "" || len(l.AllowedHosts) == 0 || !s.valid(host, allowed) {
		return
	}
	if !slices.ContainsFunc(l.AllowedHosts, func(h string) bool { return hostsMeet(h, r.Host) }) {
		s.errorf(host, "takes nothing: %s is not in the allowed_hosts of the listener", r.Host)
	}
}

// checkPassthroughRoute checks a route on a listener of protocol tls.
func checkPassthroughRoute(s *source, at string) {
	for _, key := range []string{"path", "paths", "protocol", "subprotocol", "allowed_origins"} {
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
	case !hasCondition(s, at) && s.written(child(at, "pool")):
		s.errorf(at, "has no condition: host, cidr or share; what no route takes goes to the listener's pool")
	}
}

// conditions are the keys of a route that say what it takes.
var conditions = func() []string {
	keys := []string{"host", "path", "paths", "share"}
	for _, f := range matchFields(new(Match)) {
		keys = append(keys, f.key)
	}
	return keys
}()

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
	clients := r.clients()
	if r.Path == "" && len(r.Paths) == 0 { // not of a listener of protocol http
		return cmp.Or(joinNonEmpty(r.Host, clients), "all")
	}
	what := ""
	for i, path := range r.RequestPaths() {
		if i > 0 {
			what += " and "
		}
		prefix, below := r.below(path)
		if below {
			what += "all below "
		}
		what += abbreviate(prefix)
	}
	of := " of every host"
	if r.Host != "" {
		of = " of " + r.Host
	}
	if clients != "" {
		of += " with " + clients
	}
	return what + of
}

// clients describes the conditions on clients, as they are written; empty: there are none.
func (r *Route) clients() string {
	share := ""
	if r.Share != NoShare {
		share = "share: " + r.Share.String()
	}
	return joinNonEmpty(r.String(), share)
}

// joinNonEmpty joins two texts by a comma, unless one is empty.
func joinNonEmpty(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ", " + b
}

// below reports whether a path of the route is that of every path with a prefix, and returns the prefix.
func (r *Route) below(path string) (prefix string, ok bool) {
	if r.Protocol == WS {
		if prefix, ok := strings.CutSuffix(path, "*"); ok && strings.HasSuffix(prefix, "/") {
			return prefix, true
		}
		return path, false
	}
	return path, strings.HasSuffix(path, "/")
}

// covers reports whether r matches everything that other matches.
func (r *Route) covers(other *Route) bool {
	if r.Share != NoShare || r.Fallback || !hostCovers(r.Host, other.Host) || !r.Match.covers(&other.Match) {
		return false
	}
	for _, path := range other.RequestPaths() {
		text, below := other.below(path)
		if !slices.ContainsFunc(r.RequestPaths(), func(own string) bool {
			if prefix, all := r.below(own); all {
				return strings.HasPrefix(text, prefix)
			}
			return own == text && !below
		}) {
			return false
		}
	}
	return true
}
