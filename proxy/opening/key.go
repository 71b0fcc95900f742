package opening

import (
	"net/netip"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/hostname"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// SessionKey returns the key of a session in its pool; keyed is false if it has none. c
// is nil if clients do not speak MQTT: the key is then the source address, because
// nothing else is known. secure is nil without TLS.
func SessionKey(p *snapshot.Pool, c *mqttparse.Connect, source netip.Addr, secure *tlsterm.Info) (key uint64, keyed bool) {
	switch {
	case c == nil || p.HashKey == balancer.BySourceIP:
		if !source.IsValid() { // a Unix socket
			return 0, false
		}
		return balancer.HashAddr(source), true
	case p.HashKey == balancer.ByUsername:
		return balancer.Hash(c.Username), len(c.Username) > 0
	case p.HashKey == balancer.ByTLSCN || p.HashKey == balancer.BySNI:
		if secure == nil {
			return 0, false
		}
		name := secure.CommonName
		if p.HashKey == balancer.BySNI {
			name = hostname.Canonical(secure.ServerName)
		}
		return balancer.Hash([]byte(name)), name != ""
	default:
		return balancer.Hash(c.ClientID), len(c.ClientID) > 0
	}
}
