package config

import (
	"net/netip"
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
	for i := range routes {
		r, at := &routes[i], item(at, i)
		if r.Protocol == Passthrough {
			checkPassthroughRoute(r, s, at)
		} else {
			checkRequestRoute(r, s, at)
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
	if !s.written(child(at, "host")) && !s.written(child(at, "path")) && s.written(child(at, "pool")) {
		s.errorf(at, "has neither host nor path; what no route takes goes to the listener's pool")
	}
}

// checkPassthroughRoute checks a route on a listener of protocol tls.
func checkPassthroughRoute(r *Route, s *source, at string) {
	for _, key := range []string{"path", "protocol", "allowed_origins"} {
		if path := child(at, key); s.written(path) && s.valid(path) {
			s.errorf(path, "has no meaning on a listener of protocol tls, which sees the host in the SNI and nothing else")
		}
	}
	host := child(at, "host")
	if !s.written(host) && s.written(child(at, "pool")) {
		s.errorf(at, "has no host; what no route takes goes to the listener's pool")
	}
	if _, err := netip.ParseAddr(r.Host); err == nil && s.valid(host) {
		s.errorf(host, "%s is an IP address, which no SNI holds; write a name", quote(r.Host))
	}
}

// matches reports whether the route at a path has a host or a path, and both could be
// read.
func matches(s *source, at string) bool {
	host, path := child(at, "host"), child(at, "path")
	return (s.written(host) || s.written(path)) && s.valid(host, path, child(at, "protocol"))
}

// what describes what a route matches.
func (r *Route) what() string {
	if r.Protocol == Passthrough {
		return r.Host
	}
	what := abbreviate(r.Path)
	if r.takesBelow() {
		what = "all below " + what
	}
	if r.Host == "" {
		return what + " of every host"
	}
	return what + " of " + r.Host
}

// takesBelow reports whether the route matches every path that begins with its own.
func (r *Route) takesBelow() bool {
	return r.Protocol == HTTP && strings.HasSuffix(r.Path, "/")
}

// covers reports whether r matches everything that other matches.
func (r *Route) covers(other *Route) bool {
	if !hostCovers(r.Host, other.Host) {
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
