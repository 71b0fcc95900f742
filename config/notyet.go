package config

// notYet reports what the language has and this version does not serve. What
// is to be served next is deleted here first.
func notYet(c *Config, s *source) {
	refuse := func(used bool, path, what string) {
		if used && s.good(path) {
			s.errorf(path, "%s not served by this version yet", what)
		}
	}
	for i := range c.Listeners {
		l, at := &c.Listeners[i], item("listeners", i)
		refuse(l.Protocol == WS, child(at, "protocol"), "ws is")
		refuse(l.Protocol == HTTP, child(at, "protocol"), "http is")
		refuse(l.TLS != nil, child(at, "tls"), "TLS is")
	}
	for i := range c.Pools {
		p, at := &c.Pools[i], item("pools", i)
		refuse(p.Protocol == WS, child(at, "protocol"), "nodes that speak ws are")
		refuse(p.Protocol == HTTP, child(at, "protocol"), "nodes that speak http are")
		refuse(p.Health.Probe == ProbeHTTP, child(at, "health.probe"), "the http probe is")
	}
}
