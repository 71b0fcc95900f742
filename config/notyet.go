package config

// notYet reports what the language has and this version does not serve. What
// is to be served next is deleted here first.
func notYet(c *Config, s *source) {
	refuse := func(path, what string) {
		if s.good(path) {
			s.errorf(path, "%s not served by this version yet", what)
		}
	}
	for i := range c.Listeners {
		l, at := &c.Listeners[i], item("listeners", i)
		if l.Protocol == WS || l.Protocol == HTTP {
			refuse(child(at, "protocol"), string(l.Protocol)+" is")
		}
		if l.TLS != nil {
			refuse(child(at, "tls"), "TLS is")
		}
	}
	for i := range c.Pools {
		p, at := &c.Pools[i], item("pools", i)
		if p.Protocol == WS || p.Protocol == HTTP {
			refuse(child(at, "protocol"), "nodes that speak "+string(p.Protocol)+" are")
		}
		if p.Health.Probe == ProbeHTTP {
			refuse(child(at, "health.probe"), "the http probe is")
		}
	}
}
