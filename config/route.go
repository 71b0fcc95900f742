package config

// UpgradePaths lists the paths of the upgrades that the listener takes. Valid only if Protocol is WS.
func (l *Listener) UpgradePaths() []string { return allPaths(l.Path, l.Paths) }

// RequestPaths lists the paths of the requests that the route takes. Not valid with Passthrough.
func (r *Route) RequestPaths() []string { return allPaths(r.Path, r.Paths) }

// allPaths lists what is written as one path or as several.
func allPaths(one string, several []string) []string {
	if len(several) > 0 {
		return several
	}
	return []string{one}
}

// A Route takes the clients that meet all of its conditions to a pool of its own. It has at least one. Those of Match and
// Share are of every listener, as far as it sees what they are about. Some depend on the listener's Protocol:
//
//	HTTP         Host and Path of a request. A request that matches a route of Protocol WS
//	             and is not an upgrade is refused.
//	Passthrough  Host, which is the SNI there.
//
// A client behind an upgrade has a route of Protocol WS for its request whatever its CONNECT is: the one that takes the rest
// has no condition on the CONNECT.
type Route struct {
	Match

	// Share is the part of the clients that meet the other conditions; NoShare: all.
	Share Share

	// Fallback says that the route takes nobody while no node of its pool is up.
	Fallback bool

	// Host is matched with the Host header without its port. It is a name in lower case
	// without a last dot and with A-labels, an IP address (IPv6 without brackets), or a pattern:
	// *.example.com matches one or more labels before .example.com, and ws.* one or more
	// labels after ws. Empty: any host. With Passthrough it is matched with the name in the SNI,
	// and not empty.
	Host string

	// Path is compared in its normal form. With protocol HTTP a path that ends in / matches
	// every path that begins with it. Empty if the listener's Protocol is not HTTP.
	Path string

	Protocol       Protocol // HTTP or WS on a listener of Protocol HTTP, otherwise that of the listener
	Pool           string   // the Name of one of Config.Pools
	AllowedOrigins []string // as in Listener. Valid only if Protocol is WS and that of the listener HTTP

	// Paths and Subprotocol are as in Listener. With Paths there is no Path. Valid only if Protocol is WS and that of
	// the listener HTTP.
	Paths       []string
	Subprotocol Subprotocol
}
