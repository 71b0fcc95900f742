package config

import (
	"slices"
	"strings"
)

// checkHealth checks the probes of a pool; protocol is the path of the pool's protocol.
func checkHealth(p *Pool, s *source, at, protocol string) {
	h, probe := &p.Health, child(at, "probe")
	port := child(at, "port")
	checkProbes(h, s, probe)
	switch {
	case !s.valid(probe, protocol):
	case h.Uses(ProbeMQTT) && p.Protocol != MQTT: // inside WebSocket the probe would need an upgrade first
		s.errorf(probe, "mqtt cannot probe nodes that speak %s", p.Protocol)
	case h.Uses(ProbeHTTP) && p.Protocol == MQTT && !s.written(port) && !p.hasHealthPorts():
		s.errorf(probe, "nodes that speak mqtt answer no http probe there; write the port where they do, as port: 18083")
	}
	for _, setting := range probeSettings {
		path := child(at, setting.key)
		if s.written(path) && s.valid(path, probe) && !slices.ContainsFunc(setting.of, h.Uses) {
			has := "has"
			if len(setting.of) > 1 {
				has = "have"
			}
			s.errorf(path, "has no meaning with probe %s; only %s %s it", joinProbes(h.Probe), joinProbes(setting.of), has)
		}
	}
	if h.TLS != nil {
		checkNodeTLS(h.TLS, s, child(at, "tls"))
		if tls := child(at, "tls"); h.Uses(ProbeHTTP) && !s.written(port) && !p.hasHealthPorts() && s.valid(tls, port, probe) {
			s.errorf(tls, "needs port: the node's own port has the tls of the pool")
		}
	}
	if password, user := child(at, "password_file"), child(at, "username"); h.PasswordFile != "" && h.Username == "" && s.valid(password, user) {
		s.errorf(password, "needs username: MQTT 3.1.1 has no password without one")
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

// hasHealthPorts reports whether every node has a port of its own for probes.
func (p *Pool) hasHealthPorts() bool {
	if p.Discover != nil && p.Discover.HealthPort == 0 {
		return false
	}
	return (len(p.Nodes) > 0 || p.Discover != nil) && !slices.ContainsFunc(p.Nodes, func(n Node) bool { return n.HealthPort == 0 })
}

// probeSettings lists the settings that only some probes have.
var probeSettings = []struct {
	key string
	of  []Probe
}{
	{"method", []Probe{ProbeHTTP}},
	{"path", []Probe{ProbeHTTP}},
	{"host", []Probe{ProbeHTTP}},
	{"status", []Probe{ProbeHTTP}},
	{"port", []Probe{ProbeHTTP, ProbeEMQX}},
	{"tls", []Probe{ProbeHTTP, ProbeEMQX}},
	{"credentials_file", []Probe{ProbeEMQX}},
	{"version", []Probe{ProbeMQTT}},
	{"client_id", []Probe{ProbeMQTT}},
	{"username", []Probe{ProbeMQTT}},
	{"password_file", []Probe{ProbeMQTT}},
}

// joinProbes formats one or two probes for an error.
func joinProbes(probes []Probe) string { return strings.ReplaceAll(joinWords(probes), ", ", " and ") }

// checkProbes checks which probes are combined.
func checkProbes(h *Health, s *source, at string) {
	if len(h.Probe) < 2 || !s.valid(at) {
		return
	}
	checkOnce(h.Probe, func(p Probe) string { return string(p) }, "probe", s, at)
	for _, p := range h.Probe {
		if p != ProbeEMQX && p != ProbeMQTT && s.valid(at) {
			s.errorf(at, "%s cannot be combined with another probe; only emqx and mqtt can, as [emqx, mqtt]", p)
		}
	}
}

// checkProbeClients checks that the mqtt probes of two pools are different clients for a
// broker: it would close one of two clients with the same identifier.
func checkProbeClients(c *Config, s *source) {
	type client struct{ node, pattern string }
	taken := map[client]string{} // by the name of the pool
	for i := range c.Pools {
		p, at := &c.Pools[i], child(child(item("pools", i), "health"), "client_id")
		if !p.Health.Uses(ProbeMQTT) || p.Health.ClientID == "" || strings.Contains(p.Health.ClientID, "%r") || !s.valid(at) {
			continue
		}
		for _, n := range p.Nodes {
			this := client{n.Name, p.Health.ClientID}
			if other := taken[this]; other != "" {
				s.errorf(at, "%s is also that of pool %s, which has the node %s, too; add %%r or write another pattern", quote(p.Health.ClientID), quote(other), quote(n.Name))
				break
			}
			taken[this] = p.Name
		}
	}
}
