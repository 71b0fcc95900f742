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
	checkOnce(p.ForwardHeaders, identity, "header", s, headers)
	if p.TLS != nil {
		checkNodeTLS(p.TLS, s, child(at, "tls"))
	}
	checkHealth(p, s, child(at, "health"), protocol)
	checkLeaving(p, s, at)
	checkRebalance(p, s, at)

	names := unique{s: s, what: "name"}
	addresses := unique{s: s, what: "address"}
	for i := range p.Nodes {
		n, at := &p.Nodes[i], item(child(at, "nodes"), i)
		names.take(child(at, "name"), n.Name, n.Name)
		if address := n.Address.bound(); address != n.Name { // otherwise the flag that set both has the error
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
	probe := child(child(at, "health"), "probe")
	if p.WhenDown == CloseDown && p.Protocol != HTTP && p.Health.Probe == ProbeNone && s.valid(down, probe) {
		s.errorf(down, "close has no meaning with probe none, which takes no node down")
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
	if s.written(cookie) && p.HashKey != KeyCookie && s.valid(cookie, key) {
		s.errorf(cookie, "has no meaning without hash_key: cookie")
	}
}

// checkHealth checks the probes of a pool; protocol is the path of the pool's protocol.
func checkHealth(p *Pool, s *source, at, protocol string) {
	h, probe, port := &p.Health, child(at, "probe"), child(at, "port")
	switch {
	case !s.valid(probe, protocol):
	case h.Probe == ProbeMQTT && p.Protocol != MQTT: // inside WebSocket the probe would need an upgrade first
		s.errorf(probe, "mqtt cannot probe nodes that speak %s", p.Protocol)
	case h.Probe == ProbeHTTP && p.Protocol == MQTT && !s.written(port):
		s.errorf(probe, "nodes that speak mqtt answer no http probe there; write the port where they do, as port: 18083")
	}
	for _, key := range []string{"method", "path", "host", "status", "port"} {
		if path := child(at, key); s.written(path) && h.Probe != ProbeHTTP && s.valid(path, probe) {
			s.errorf(path, "has no meaning with probe %s; only http has it", h.Probe)
		}
	}
	interval, timeout := child(at, "interval"), child(at, "timeout")
	if h.Timeout > h.Interval && s.valid(interval, timeout) {
		// Report the one that was written; the other is the default.
		at := timeout
		if !s.written(timeout) {
			at = interval
		}
		s.errorf(at, "the timeout of %s is longer than the interval of %s; a probe must end before the next one starts",
			formatDuration(h.Timeout), formatDuration(h.Interval))
	}
}
