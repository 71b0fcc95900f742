package snapshot

import (
	"mqttlb/balancer"
	"mqttlb/proxy/match"
)

// Route sends requests or connections to a pool. It takes those that meet all of its conditions.
type Route struct {
	// Name is the route's place in the configuration, such as "routes[2]"; empty: it is what a listener does with
	// all that no route takes. Takes says in words what the route takes.
	Name, Takes string

	// SNI is matched with the name that the client asks for in its TLS handshake, as in
	// [MatchHost]; empty: any, and none. It is in the spelling of package hostname, as Host is.
	SNI string

	Host string // see [MatchHost]
	Path string // see [MatchPath], or with WebSocket [MatchUpgrade]
	Pool *Pool

	Match match.Match // without a ServerName, which is SNI

	// Share is the part of the clients that the route takes; nil: all.
	Share *balancer.Share

	// Fallback says that the route takes nobody while no node of its pool is up.
	Fallback bool

	// WebSocket says that the route serves MQTT over WebSocket: a request that is not an
	// upgrade is refused. Otherwise the pool's nodes speak HTTP.
	WebSocket bool

	// Origins are the web pages that may upgrade; "https://*.example.com" is any host
	// below example.com. Empty: every page. A client without an Origin is not a browser.
	Origins []string

	// SubprotocolOptional says that an upgrade may offer no subprotocol at all.
	SubprotocolOptional bool
}

// ShareKey returns the key by which a share takes a client: the hash of its identifier, of its user name if it has
// none, or else of its address. ok is false if it has none of these.
func ShareKey(f *match.Facts) (key uint64, ok bool) {
	switch {
	case f.Connect != nil && len(f.Connect.ClientID) > 0:
		return balancer.Hash(f.Connect.ClientID), true
	case f.Connect != nil && len(f.Connect.Username) > 0:
		return balancer.Hash(f.Connect.Username), true
	case f.Address.IsValid():
		return balancer.HashAddr(f.Address), true
	}
	return 0, false
}
