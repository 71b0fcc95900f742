package config

// checkDiscover checks the source of nodes of the pool at a path.
func checkDiscover(p *Pool, s *source, pool string) {
	d, at := p.Discover, child(pool, "discover")
	if d == nil || !s.valid(at) {
		return
	}
	var kinds []string
	for _, of := range []struct{ key, name string }{{"dns", d.DNS}, {"srv", d.SRV}, {"file", d.File}} {
		if of.name != "" {
			kinds = append(kinds, of.key)
		}
	}
	switch len(kinds) {
	case 0:
		s.errorf(at, "names no source; write one of dns, srv, file")
		return
	case 1:
	default:
		s.errorf(child(at, kinds[1]), "is a second source beside %s; a pool has one, write a pool for each or a file of nodes", kinds[0])
		return
	}
	port := child(at, "port")
	switch {
	case d.DNS != "" && d.Port == 0:
		s.errorf(port, "is missing; the addresses of a host name have no port, as 1883")
	case d.DNS == "" && s.written(port):
		s.errorf(port, "has no meaning with %s, whose nodes have ports of their own", kinds[0])
	}
	for _, key := range []string{"max_connections", "health_port", "backup"} {
		if key := child(at, key); d.File != "" && s.written(key) {
			s.errorf(key, "has no meaning with file, whose nodes have settings of their own")
		}
	}
	checkHealthPort(p, s, child(at, "health_port"), pool)
}

// checkHealthPort checks that the probe of the pool can use the port of one node at a path.
func checkHealthPort(p *Pool, s *source, at, pool string) {
	if probe := child(child(pool, "health"), "probe"); s.written(at) && !p.Health.Uses(ProbeHTTP) && !p.Health.Uses(ProbeEMQX) && s.valid(at, probe) {
		s.errorf(at, "has no meaning with probe %s; only http and emqx have it", joinProbes(p.Health.Probe))
	}
}

// warnDiscover warns of TLS that anybody passes who answers for DNS and has a certificate of the web.
func warnDiscover(p *Pool, s *source, at string) {
	if d := p.Discover; d != nil && d.SRV != "" && p.TLS != nil && p.TLS.Verify == VerifyTrue && p.TLS.CA == "" && p.TLS.ServerName == "" {
		s.warnf(child(at, "tls"), "checks the certificates of nodes against the names in SRV records, which whoever answers for DNS chooses: set server_name, or ca to a CA of your own")
	}
}
