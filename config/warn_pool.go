package config

import (
	"slices"
	"strconv"
)

func warnPool(c *Config, p *Pool, s *source, at string) {
	if !slices.ContainsFunc(c.Listeners, func(l Listener) bool { return l.uses(p) }) {
		s.warnf(child(at, "name"), "no listener uses the pool %s: it is probed, and gets no clients", quote(p.Name))
	}
	warnVerify(p.TLS, s, child(child(at, "tls"), "verify"))
	warnVerify(p.Health.TLS, s, child(child(child(at, "health"), "tls"), "verify"))
	warnDiscover(p, s, at)
	warnSingleNode(p, s, at)
	warnMaxLoad(p, s, child(at, "max_load"))
	warnTiers(p, s, at)
	if p.TLS != nil {
		p.TLS.chosen().warn(s, child(at, "tls"))
	}
	if p.Health.TLS != nil {
		p.Health.TLS.chosen().warn(s, child(child(at, "health"), "tls"))
	}
	warnReturn(c, p, s, child(at, "rebalance"))
	warnSource(p, s, at)
	for i := range p.Nodes {
		n, at := &p.Nodes[i], item(child(at, "nodes"), i)
		if hint := unlikelyPort(p, n.Address.Port); hint != "" {
			s.warnf(child(at, "address"), "%d is usually the port of %s", n.Address.Port, hint)
		}
	}
}

// warnVerify warns of a check that anybody passes who has a name of their own.
func warnVerify(t *NodeTLS, s *source, at string) {
	if t != nil && t.Verify == VerifyCA && t.CA == "" {
		s.warnf(at, "ca without a file in ca accepts the certificate of every site of the web: name the CA of the nodes in ca")
	}
}

// warnSingleNode warns of settings that need another node.
func warnSingleNode(p *Pool, s *source, at string) {
	if len(p.Nodes) != 1 || p.Discover != nil {
		return
	}
	for _, of := range []struct {
		key string
		set bool
		why string
	}{
		{"max_load", p.MaxLoad != 0, "a single node has its fair share always"},
		{"rebalance", p.Rebalance != 0, "each session is on the only node already"},
		{"slow_start", p.SlowStart != 0 && !p.hasRate(), "the only node has the whole share, and without connect_rate there is nothing else to rise"},
		{"takeover", p.Takeover == TakeoverLocal, "the only broker ends the old session of a client itself"},
		{"when_down", p.WhenDown == CloseDown, "sessions are closed only while another node is up"},
	} {
		if path := child(at, of.key); of.set && s.written(path) {
			s.warnf(path, "has no effect in a pool of one node: %s", of.why)
		}
	}
}

// warnMaxLoad warns of a limit of load that no node can exceed: with all sessions on one node, this one has as
// many times its share as the weights of all that are used together are to its own.
func warnMaxLoad(p *Pool, s *source, at string) {
	most := 0.0
	for _, nodes := range p.tiers() {
		total, least := 0, maxWeight
		for _, n := range nodes {
			total, least = total+n.Weight, min(least, n.Weight)
		}
		most = max(most, float64(total)/float64(least))
	}
	if len(p.Nodes) > 1 && p.Discover == nil && float64(p.MaxLoad) >= most {
		s.warnf(at, "%s is never reached: a node with all sessions has %s times its share", p.MaxLoad, strconv.FormatFloat(most, 'g', 3, 64))
	}
}

// warnReturn warns of a rebalance for whose sessions there is no room.
func warnReturn(c *Config, p *Pool, s *source, at string) {
	least, of := Rate(c.Limits.ConnectRate), "limits.connect_rate"
	for i := range p.Nodes {
		if rate := p.ConnectRateOf(&p.Nodes[i]); rate > 0 && (least == 0 || rate < least) {
			least, of = rate, "the connect_rate of node "+p.Nodes[i].Name
		}
	}
	if p.Rebalance > 0 && least > 0 && p.Rebalance >= least {
		s.warnf(at, "%s is not below %s, %s: sessions that return find no room", p.Rebalance, of, least)
	}
}

// unlikelyPort says which protocol usually has a port that is in use with another one.
func unlikelyPort(p *Pool, port uint16) string {
	switch {
	case port == mqttsPort && p.TLS == nil && p.Protocol == MQTT:
		return "MQTT inside TLS, and this pool speaks in the clear; it needs tls: {}"
	case port == 8083 && p.Protocol == MQTT:
		return "MQTT over WebSocket; the pool needs protocol: ws"
	case port == 8084 && p.Protocol == MQTT:
		return "MQTT over WebSocket inside TLS; the pool needs protocol: ws and tls: {}"
	case port == 1883 && (p.Protocol == WS || p.Protocol == HTTP):
		return "MQTT without WebSocket; the pool needs protocol: mqtt, which listeners of protocol ws can use, too"
	default:
		return ""
	}
}

// warnNodeNames warns of an address that has two names in two pools.
func warnNodeNames(c *Config, s *source) {
	type first struct{ pool, node, at string }
	named := map[string]first{}
	for i := range c.Pools {
		p := &c.Pools[i]
		for j := range p.Nodes {
			n, at := &p.Nodes[j], child(item(child(item("pools", i), "nodes"), j), "name")
			key := n.Address.reached()
			switch other, ok := named[key]; {
			case !ok:
				named[key] = first{p.Name, n.Name, at}
			case other.node != n.Name:
				s.warnf(at, "%s is node %s of pool %s%s; with the same name clients find the same broker through both pools",
					n.Address, quote(other.node), quote(other.pool), s.whereElse(other.at, at))
			}
		}
	}
}
