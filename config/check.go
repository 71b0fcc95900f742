package config

import (
	"cmp"
	"slices"
)

// check finds what is wrong between settings that are each right by
// themselves. It does not repeat an error: settings that could not be read are
// left out.
func check(c *Config, s *source) {
	pools := map[string]int{} // by name
	names := unique{s: s, what: "name"}
	for i := range c.Pools {
		p, at := &c.Pools[i], item("pools", i)
		names.take(child(at, "name"), p.Name, p.Name)
		if _, ok := pools[p.Name]; !ok {
			pools[p.Name] = i
		}
		checkPool(p, s, at)
	}

	names = unique{s: s, what: "name"}
	addresses := unique{s: s, what: "address"}
	addresses.take("admin.address", c.Admin.Address.bound(), "admin.address") // first: it may be a default
	for i := range c.Listeners {
		l, at := &c.Listeners[i], item("listeners", i)
		names.take(child(at, "name"), l.Name, l.Name)
		addresses.take(child(at, "address"), l.Address.bound(), "listener "+cmp.Or(l.Name, "without a name"))
		checkListener(l, s, at)
		checkReference(l, c.Pools, pools, s, at)
	}
}

func checkListener(l *Listener, s *source, at string) {
	if path := child(at, "path"); s.written(path) && l.Protocol != WS && s.good(child(at, "protocol")) {
		s.errorf(path, "has no meaning with protocol %s; only ws has a path", l.Protocol)
	}

	trusted := child(at, "trusted_proxies")
	accept := l.ProxyProtocol == ProxyAccept
	switch {
	case !s.good(child(at, "proxy_protocol"), child(at, "address"), trusted):
	case s.written(trusted) && !accept:
		s.errorf(trusted, "has no meaning without proxy_protocol: accept")
	case s.written(trusted) && l.Address.Network == "unix":
		s.errorf(trusted, "has no meaning on a Unix socket, where nobody has an address; the permissions of its file say who is trusted")
	case !s.written(trusted) && accept && l.Address.Network != "unix":
		s.errorf(trusted, "is missing; with proxy_protocol: accept list the proxies that are believed, as [10.0.0.0/8]")
	}
	networks := unique{s: s, what: "network"}
	for i, p := range l.TrustedProxies {
		networks.take(item(trusted, i), p.String(), p.String())
	}

	if t := l.TLS; t != nil {
		auth, ca := child(at, "tls.client_auth"), child(at, "tls.client_ca")
		switch {
		case !s.good(auth, ca):
		case t.ClientAuth != ClientAuthNone && t.ClientCA == "":
			s.errorf(auth, "%s needs client_ca, to check certificates against", t.ClientAuth)
		case t.ClientAuth == ClientAuthNone && t.ClientCA != "":
			s.errorf(ca, "has no meaning with client_auth: none")
		}
	}
}

// checkReference checks that the pool of a listener exists and speaks what the
// listener passes on. byName leads into pools.
func checkReference(l *Listener, pools []Pool, byName map[string]int, s *source, at string) {
	reference := child(at, "pool")
	i, ok := byName[l.Pool]
	_, nameless := byName[""] // a pool whose name could not be read may be the one that is meant
	switch {
	case !s.good(reference):
	case !ok && (nameless || len(pools) == 0):
	case !ok:
		names := make([]string, len(pools))
		for i := range pools {
			names[i] = pools[i].Name
		}
		s.errorf(reference, "%s is not defined; the pools are %s", quote(l.Pool), abbreviate(list(names)))
	case !s.good(child(at, "protocol"), child(item("pools", i), "protocol")):
	case !slices.Contains(poolProtocols[l.Protocol], pools[i].Protocol):
		s.errorf(reference, "the nodes of %s speak %s; a listener of protocol %s needs nodes that speak %s",
			quote(l.Pool), pools[i].Protocol, l.Protocol, list(poolProtocols[l.Protocol]))
	}
}

func checkPool(p *Pool, s *source, at string) {
	algorithm, protocol, key := child(at, "algorithm"), child(at, "protocol"), child(at, "hash_key")
	if s.written(key) && s.good(key) {
		if p.Algorithm != ConsistentHash && s.good(algorithm) {
			s.errorf(key, "has no meaning with algorithm %s; only consistent_hash has a key", p.Algorithm)
		} else if !speaksMQTT(p.Protocol) && p.HashKey != KeySourceIP && s.good(protocol) {
			s.errorf(key, "there is no %s in protocol %s; the key can only be source_ip", p.HashKey, p.Protocol)
		}
	}

	health := child(at, "health")
	if probe := child(health, "probe"); p.Health.Probe == ProbeMQTT && !speaksMQTT(p.Protocol) && s.good(probe, protocol) {
		s.errorf(probe, "mqtt cannot probe nodes that speak %s", p.Protocol)
	}
	interval, timeout := child(health, "interval"), child(health, "timeout")
	if p.Health.Timeout > p.Health.Interval && s.good(interval, timeout) {
		// Point at what was written; the other one is the default.
		at := timeout
		if !s.written(timeout) {
			at = interval
		}
		s.errorf(at, "the timeout of %s is longer than the interval of %s; a probe must end before the next one starts",
			formatDuration(p.Health.Timeout), formatDuration(p.Health.Interval))
	}

	names := unique{s: s, what: "name"}
	addresses := unique{s: s, what: "address"}
	for i := range p.Nodes {
		n, at := &p.Nodes[i], item(child(at, "nodes"), i)
		names.take(child(at, "name"), n.Name, n.Name)
		if address := n.Address.bound(); address != n.Name { // else the flag that gave both has its error
			addresses.take(child(at, "address"), address, "node "+cmp.Or(n.Name, "without a name"))
		}
	}
}

// unique finds values that are taken twice.
type unique struct {
	s     *source
	what  string            // that is unique
	taken map[string]string // by whom
}

// take notes that owner has the value at path. The empty value is nobody's.
func (u *unique) take(path, value, owner string) {
	if value == "" || !u.s.good(path) {
		return
	}
	if first, ok := u.taken[value]; ok {
		by := ""
		if first != value {
			by = " by " + first
		}
		u.s.errorf(path, "the %s %s is taken already%s", u.what, quote(value), by)
		return
	}
	if u.taken == nil {
		u.taken = map[string]string{}
	}
	u.taken[value] = owner
}
