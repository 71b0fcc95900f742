package config

import (
	"cmp"
	"slices"
)

func checkPool(p *Pool, s *source, at string) {
	checkKey(p, s, at)
	headers, protocol := child(at, "forward_headers"), child(at, "protocol")
	if s.written(headers) && p.Protocol != WS && s.valid(headers, protocol) {
		s.errorf(headers, "has no meaning with protocol %s; only an upgrade to ws is written anew", p.Protocol)
	}
	if path := child(at, "path"); s.written(path) && p.Protocol != WS && s.valid(path, protocol) {
		s.errorf(path, "has no meaning with protocol %s; only an upgrade to ws is written anew", p.Protocol)
	}
	checkOnce(p.ForwardHeaders, identity, "header", s, headers)
	removed := child(at, "remove_headers")
	if s.written(removed) && p.Protocol != HTTP && s.valid(removed, protocol) {
		s.errorf(removed, "has no meaning with protocol %s; only requests of http are passed on", p.Protocol)
	}
	checkOnce(p.RemoveHeaders, identity, "header", s, removed)
	checkOnce(p.ForwardTLVs, func(f ForwardTLV) string { return string(f) }, "TLV", s, child(at, "forward_tlvs"))
	if p.TLS != nil {
		checkNodeTLS(p.TLS, s, child(at, "tls"))
	}
	checkSource(p, s, at)
	checkHealth(p, s, child(at, "health"), protocol)
	checkLeaving(p, s, at)
	checkRates(p, s, at)
	checkRebalance(p, s, at)
	checkDiscover(p, s, at)
	checkNodes(p, s, at)
}

// checkNodes checks the nodes of the pool at a path.
func checkNodes(p *Pool, s *source, pool string) {
	names := unique{s: s, what: "name"}
	addresses := unique{s: s, what: "address"}
	for i := range p.Nodes {
		n, at := &p.Nodes[i], item(child(pool, "nodes"), i)
		names.take(child(at, "name"), n.Name, n.Name)
		checkHealthPort(p, s, child(at, "health_port"), pool)
		if address := n.Address.reached(); address != n.Name { // otherwise the flag that set both has the error
			addresses.take(child(at, "address"), address, "node "+cmp.Or(n.Name, "without a name"))
		}
	}
}

// checkLeaving checks the settings of sessions that leave a node of the pool at a path.
func checkLeaving(p *Pool, s *source, at string) {
	rate, removed, down := child(at, "drain_rate"), child(at, "removed_nodes"), child(at, "when_down")
	if s.written(rate) && p.RemovedNodes != DrainRemoved && p.WhenDown != CloseDown && s.valid(rate, removed, down) {
		s.errorf(rate, "has no meaning with removed_nodes: %s and when_down: %s; only drain and close have a rate", p.RemovedNodes, p.WhenDown)
	}
	for _, key := range []string{rate, removed, down} {
		if s.written(key) && p.Protocol == HTTP && s.valid(key, child(at, "protocol")) {
			s.errorf(key, "has no meaning with protocol http; requests to a node that is gone end by themselves")
		}
	}
	takeover, protocol := child(at, "takeover"), child(at, "protocol")
	if s.written(takeover) && !p.Protocol.hasConnect() && s.valid(takeover, protocol) {
		s.errorf(takeover, "has no meaning with protocol %s; only sessions of MQTT have a client identifier", p.Protocol)
	}
	probe := child(child(at, "health"), "probe")
	if p.WhenDown == CloseDown && p.Protocol != HTTP && p.Health.Uses(ProbeNone) && s.valid(down, probe) {
		s.errorf(down, "close has no meaning with probe none, which takes no node down")
	}
}

// checkConfirm checks the confirm of a pool, of which its protocol, its listeners and timeouts.connack decide.
func checkConfirm(c *Config, pool int, s *source) {
	p, at := &c.Pools[pool], item("pools", pool)
	confirm, protocol := child(at, "confirm"), child(at, "protocol")
	if !s.written(confirm) || !s.valid(confirm, protocol) {
		return
	}
	if !p.Protocol.hasConnect() {
		s.errorf(confirm, "has no meaning with protocol %s; only nodes that speak mqtt or ws send a CONNACK", p.Protocol)
		return
	}
	users, i := 0, -1 // the last listener that does not read the CONNECT
	for j := range c.Listeners {
		if l := &c.Listeners[j]; l.uses(p) {
			if users++; l.Protocol == TCP || l.Protocol == Passthrough {
				users, i = users-1, j
			}
		}
	}
	if users == 0 && i >= 0 && s.valid(child(item("listeners", i), "protocol")) {
		s.errorf(confirm, "has no meaning for listener %s of protocol %s, which does not read the CONNECT", c.Listeners[i].Name, c.Listeners[i].Protocol)
	}
	silence, limit := child(confirm, "silence"), child(confirm, "time")
	if f := p.Confirm; f != nil && f.Silence == SilenceRetry && f.Time <= c.Timeouts.Connack && s.valid(silence, limit, "timeouts.connack") {
		s.errorf(silence, "retry needs a longer time than timeouts.connack, %s; the time is %s, and is over before a node counts as silent",
			formatDuration(c.Timeouts.Connack), formatDuration(f.Time))
	}
}

// checkForwardTLVs checks that a pool can get TLVs and pass them on.
func checkForwardTLVs(c *Config, pool int, s *source) {
	p, at := &c.Pools[pool], item("pools", pool)
	forward, header, protocol := child(at, "forward_tlvs"), child(at, "proxy_protocol"), child(at, "protocol")
	if !s.written(forward) || !s.valid(forward, header, protocol) {
		return
	}
	switch {
	case p.Protocol == HTTP:
		s.errorf(forward, "has no meaning with protocol http; only the header of a session has TLVs")
		return
	case p.ProxyProtocol != ProxyV2:
		s.errorf(forward, "has no meaning with proxy_protocol: %s; only a header of v2 has TLVs", p.ProxyProtocol)
		return
	}
	used := false
	for i := range c.Listeners {
		l := &c.Listeners[i]
		if !s.valid(child(item("listeners", i), "proxy_protocol")) || l.uses(p) && l.ProxyProtocol == ProxyAccept {
			return
		}
		used = used || l.uses(p)
	}
	if used {
		s.errorf(forward, "has no meaning, since no listener of the pool has proxy_protocol: accept and can get TLVs of a proxy")
	}
}

// uses reports whether the listener or one of its routes names the pool.
func (l *Listener) uses(p *Pool) bool {
	return l.Pool == p.Name || slices.ContainsFunc(l.Routes, func(r Route) bool { return r.Pool == p.Name })
}

// checkKey checks that the clients of the pool at a path have the field that is hashed.
func checkKey(p *Pool, s *source, at string) {
	algorithm, key, cookie := child(at, "algorithm"), child(at, "hash_key"), child(at, "cookie")
	keys := protocolKeys[p.Protocol]
	switch {
	case !s.written(key) || !s.valid(key):
	case p.Algorithm != ConsistentHash && s.valid(algorithm):
		s.errorf(key, "has no meaning with algorithm %s; only consistent_hash has a key", p.Algorithm)
	case !slices.Contains(keys, p.HashKey) && s.valid(child(at, "protocol")):
		s.errorf(key, "there is no %s in protocol %s; the key can only be %s", p.HashKey, p.Protocol, joinWords(keys))
	}
	load := child(at, "max_load")
	if p.MaxLoad != 0 && p.Algorithm != ConsistentHash && p.Algorithm != SourceIP && s.valid(load, algorithm) {
		s.errorf(load, "has no meaning with algorithm %s; only with consistent_hash and source_ip has a client a node of its own", p.Algorithm)
	}
	if s.written(cookie) && p.HashKey != KeyCookie && s.valid(cookie, key) {
		s.errorf(cookie, "has no meaning without hash_key: cookie")
	}
}

// checkRates checks the settings of sessions that come to the nodes of the pool at a path.
func checkRates(p *Pool, s *source, at string) {
	protocol, rate := child(at, "protocol"), child(at, "connect_rate")
	rates := []string{rate}
	for i := range p.Nodes {
		rates = append(rates, child(item(child(at, "nodes"), i), "connect_rate"))
	}
	for _, key := range rates {
		if s.written(key) && p.Protocol == HTTP && s.valid(key, protocol) {
			s.errorf(key, "has no meaning with protocol http; only sessions have a rate, requests do not wait")
		}
	}
	for _, key := range []string{"size", "time"} {
		if key := child(child(at, "queue"), key); s.written(key) && !p.mayHaveRate() && s.valid(append(rates, key)...) {
			s.errorf(key, "has no meaning without connect_rate; only a node with a rate has a queue")
		}
	}
}

// checkRebalance checks that the sessions of the pool at a path have a first node.
func checkRebalance(p *Pool, s *source, at string) {
	rate, protocol, algorithm, key := child(at, "rebalance"), child(at, "protocol"), child(at, "algorithm"), child(at, "hash_key")
	kept := []HashKey{KeyClientID, KeyUsername, KeySourceIP}
	switch {
	case p.Rebalance == 0 || !s.valid(rate, protocol, algorithm, key):
	case p.Protocol == HTTP:
		s.errorf(rate, "has no meaning with protocol http; each request finds its first node by itself")
	case p.Algorithm != ConsistentHash && p.Algorithm != SourceIP:
		s.errorf(rate, "has no meaning with algorithm %s; only the sessions of %s and %s have a first node", p.Algorithm, ConsistentHash, SourceIP)
	case p.Algorithm == ConsistentHash && !slices.Contains(kept, p.HashKey):
		s.errorf(rate, "has no meaning with hash_key %s, which sessions do not keep; the key can be %s", p.HashKey, joinWords(kept))
	}
}
