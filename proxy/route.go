package proxy

import (
	"net/netip"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
)

// route is the key of a session in its pool; keyed is false where it has none.
// c is nil where clients do not speak MQTT: their key is the source address,
// the only thing that is known of them.
func route(p *Pool, c *mqttparse.Connect, source netip.Addr) (key uint64, keyed bool) {
	switch {
	case c == nil || p.HashKey == balancer.BySourceIP:
		if !source.IsValid() { // a Unix socket
			return 0, false
		}
		return balancer.HashAddr(source), true
	case p.HashKey == balancer.ByUsername:
		return balancer.Hash(c.Username), len(c.Username) > 0
	default:
		return balancer.Hash(c.ClientID), len(c.ClientID) > 0
	}
}
