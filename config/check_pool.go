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
	checkRates(p, s, at)

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
		if key := child(child(at, "queue"), key); s.written(key) && !p.hasRate() && s.valid(append(rates, key)...) {
			s.errorf(key, "has no meaning without connect_rate; only a node with a rate has a queue")
		}
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
