package config

import "slices"

// checkRouteMatch checks the conditions on clients.
func checkRouteMatch(l *Listener, r *Route, s *source, at string) {
	listener := parent(parent(at))
	if !s.valid(child(listener, "protocol"), child(listener, "tls"), child(listener, "address")) {
		return
	}
	seen := l.sight()
	if request := l.Protocol == HTTP && r.Protocol == HTTP; request && s.valid(child(at, "protocol")) {
		for _, key := range connectConditions {
			if path := child(at, key); s.written(path) && s.valid(path) {
				s.errorf(path, "has no meaning on a route of protocol http, whose clients send no CONNECT; only ws has it")
			}
		}
	}
	seen.connect = seen.connect || l.Protocol == HTTP
	checkMatch(&r.Match, []sight{seen}, s, at)
	if path := child(at, "share"); s.written(path) && s.valid(path) && !seen.connect && !seen.address {
		s.errorf(path, "takes nothing on a Unix socket without proxy_protocol: accept; with protocol %s the share is one of the addresses, and nobody has one there", l.Protocol)
	}
}

// checkUpgradesOfAll checks that on a listener of protocol http every upgrade that is accepted leads to a pool, whatever its
// CONNECT is. The pool of the listener itself is for requests.
func checkUpgradesOfAll(l *Listener, s *source, at string) {
	if l.Protocol != HTTP || !s.valid(at) {
		return
	}
	for i := range l.Routes {
		r := &l.Routes[i]
		if r.Protocol != WS || r.takesAllUpgrades() {
			continue
		}
		request := Route{Host: r.Host, Path: r.Path, Paths: r.Paths, Protocol: WS, Match: Match{SNI: r.SNI, CIDR: r.CIDR, Certificate: r.Certificate}}
		rest := func(other Route) bool {
			return other.Protocol == WS && other.takesAllUpgrades() && other.covers(&request)
		}
		if !slices.ContainsFunc(l.Routes[i+1:], rest) {
			s.errorf(item(at, i), "has no route for the rest: its upgrade is answered before the CONNECT comes, so a later route of protocol ws must take all of its upgrades, without share, fallback and conditions on the CONNECT")
		}
	}
}

// takesAllUpgrades reports whether the route takes all upgrades that match it, whatever the CONNECT is, and at any time.
func (r *Route) takesAllUpgrades() bool {
	m := r.Match
	m.SNI, m.CIDR, m.Certificate = "", nil, CertificateMatch{}
	return r.Share == NoShare && !r.Fallback && m.String() == ""
}

// checkExpressions checks that the routes have no more regular expressions than an event loop can try on each client.
func checkExpressions(routes []Route, s *source, at string) {
	expressions, program := 0, 0
	for i := range routes {
		for _, p := range routes[i].patterns() {
			expressions += len(p.Regex)
			program += p.program()
		}
		if expressions > maxExpressions || program > maxPrograms {
			s.errorf(item(at, i), "has one regular expression too many; the routes of a listener have at most %d, of %d instructions in all: "+
				"each is tried on every client, where an exact value or a prefix is found at once", maxExpressions, maxPrograms)
			return
		}
	}
}
