package config

import "slices"

// checkEffects checks that what was written can take effect. Settings that another number of nodes would bring into
// effect are warnings instead (see warnSingleNode): a pool may shrink for a while.
func checkEffects(c *Config, s *source) {
	const all, rate, memory = "limits.max_connections", "limits.connect_rate", "limits.opening_memory"
	l := &c.Limits
	checkReached(s, "limits.max_connections_per_address", l.MaxConnectionsPerAddress, all, l.MaxConnections)
	if l.ConnectRate > 0 {
		checkReached(s, "limits.connect_rate_per_address", l.ConnectRatePerAddress, rate, l.ConnectRate)
	}
	for i := range c.Listeners {
		l, at := &c.Listeners[i], item("listeners", i)
		checkReached(s, child(at, "max_connections"), l.MaxConnections, all, c.Limits.MaxConnections)
		if tls := child(at, "tls"); l.TLS != nil {
			checkReached(s, child(tls, "max_handshakes"), l.TLS.MaxHandshakes, all, c.Limits.MaxConnections)
			checkReached(s, child(tls, "max_handshake_queue"), l.TLS.MaxHandshakeQueue, all, c.Limits.MaxConnections)
		}
	}
	for i := range c.Pools {
		p, at := &c.Pools[i], item("pools", i)
		checkReached(s, child(child(at, "queue"), "size"), int(p.Queue.Size), all, c.Limits.MaxConnections)
		for j := range p.Nodes {
			checkReached(s, child(item(child(at, "nodes"), j), "max_connections"), p.Nodes[j].MaxConnections, all, c.Limits.MaxConnections)
		}
		checkUnprobed(p, s, child(at, "health"))
	}
	for _, size := range []struct {
		key   string
		bytes int
	}{{"limits.max_connect_size", l.MaxConnectSize}, {"limits.max_header_size", l.MaxHeaderSize}} {
		if l.OpeningMemory == 0 || size.bytes <= l.OpeningMemory || !s.valid(size.key, memory) {
			continue
		}
		at := size.key
		if !s.written(at) { // the other is the default
			at = memory
		}
		if s.written(at) {
			s.errorf(at, "one of %s is more than %s, %s, which ends it before it is whole", formatSize(size.bytes), memory, formatSize(l.OpeningMemory))
		}
	}
	checkSpoken(c, s)
	checkBans(c, s)
}

// checkReached checks a limit that is never reached if another one of the process is less.
func checkReached(s *source, path string, limit int, other string, process int) {
	if limit > process && s.written(path) && s.valid(path, other) {
		s.errorf(path, "%d is never reached: %s, for the whole process, is %d", limit, other, process)
	}
}

// checkUnprobed checks that there are no settings of probes where there are no probes.
func checkUnprobed(p *Pool, s *source, at string) {
	if !p.Health.Uses(ProbeNone) || !s.valid(child(at, "probe")) {
		return
	}
	for _, key := range []string{"interval", "timeout", "rise", "fall"} {
		if path := child(at, key); s.written(path) && s.valid(path) {
			s.errorf(path, "has no effect with probe none")
		}
	}
}

// checkSpoken checks that settings for a protocol have a listener that speaks it.
func checkSpoken(c *Config, s *source) {
	var spoken []Protocol
	opens := false // a listener reads a client's first bytes
	for i, l := range c.Listeners {
		if at := item("listeners", i); l.Protocol == "" || !s.valid(child(at, "protocol"), child(at, "routes")) {
			return // it may be the one meant
		}
		spoken = append(spoken, l.Protocol)
		for _, r := range l.Routes {
			spoken = append(spoken, r.Protocol)
		}
		opens = opens || l.Protocol != TCP || l.ProxyProtocol == ProxyAccept && l.TLS == nil
	}
	streams := []Protocol{MQTT, WS, TCP, Passthrough}
	for _, of := range []struct {
		path string
		only []Protocol
	}{
		{"limits.max_connect_size", []Protocol{MQTT, WS}},
		{"limits.connect_rate_per_client_id", []Protocol{MQTT, WS}},
		{"limits.max_header_size", []Protocol{WS, HTTP}},
		{"limits.max_request_size", []Protocol{HTTP}},
		{"limits.min_body_rate", []Protocol{HTTP}},
		{"timeouts.connack", []Protocol{MQTT, WS}},
		{"timeouts.idle", streams},
		{"timeouts.write", streams},
		{"timeouts.response", []Protocol{HTTP}},
		{"timeouts.keep_alive", []Protocol{HTTP}},
		{"timeouts.request_body", []Protocol{HTTP}},
		{"timeouts.tunnel", []Protocol{HTTP}},
	} {
		speaks := func(p Protocol) bool { return slices.Contains(of.only, p) }
		if s.written(of.path) && s.valid(of.path) && !slices.ContainsFunc(spoken, speaks) {
			s.errorf(of.path, "has no effect: no listener speaks %s", joinOr(of.only))
		}
	}
	if at := "timeouts.connect_packet"; s.written(at) && s.valid(at) && len(spoken) > 0 && !opens {
		s.errorf(at, "has no effect: listeners of protocol tcp read nothing of a client")
	}
}
