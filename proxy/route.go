package proxy

import (
	"net/netip"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/tlsterm"
)

// route is the key of a session in its pool; keyed is false where it has none.
// c is nil where clients do not speak MQTT: their key is the source address,
// the only thing that is known of them. secure is nil where they speak no TLS.
func route(p *Pool, c *mqttparse.Connect, source netip.Addr, secure *tlsterm.Info) (key uint64, keyed bool) {
	switch {
	case c == nil || p.HashKey == balancer.BySourceIP:
		if !source.IsValid() { // a Unix socket
			return 0, false
		}
		return balancer.HashAddr(source), true
	case p.HashKey == balancer.ByUsername:
		return balancer.Hash(c.Username), len(c.Username) > 0
	case p.HashKey == balancer.ByTLSCN:
		return named(secure != nil, func() string { return secure.CommonName })
	case p.HashKey == balancer.BySNI:
		return named(secure != nil, func() string { return secure.ServerName })
	default:
		return balancer.Hash(c.ClientID), len(c.ClientID) > 0
	}
}

// named is the key of a name that a client has, or has not.
func named(has bool, name func() string) (key uint64, keyed bool) {
	if !has || name() == "" {
		return 0, false
	}
	return balancer.Hash([]byte(name())), true
}
