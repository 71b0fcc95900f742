package config

// notYet reports what the language has and this version does not serve. What
// is to be served next is deleted here first.
func notYet(c *Config, s *source) {
	refuse := func(used bool, path, what string) {
		if used && s.good(path) {
			s.errorf(path, "%s not served by this version yet", what)
		}
	}
	for i := range c.Pools {
		p, at := &c.Pools[i], item("pools", i)
		refuse(p.TLS != nil, child(at, "tls"), "TLS to nodes is")
	}
}
