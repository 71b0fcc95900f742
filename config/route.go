package config

// A Route sends the requests for one host and path on a listener of Protocol HTTP to a
// pool of its own. Only the host and the path decide whether a request matches: a request
// that matches a route of Protocol WS and is not an upgrade is refused. On a Passthrough
// listener a route matches the host in the SNI of a connection, and has neither Path nor
// AllowedOrigins.
type Route struct {
	// Host is matched with the Host header without its port. It is a name in lower case
	// without a last dot, an IP address (IPv6 without brackets), or a pattern:
	// *.example.com matches one or more labels before .example.com, and ws.* one or more
	// labels after ws. Empty: any host. With Passthrough it is neither empty nor an IP
	// address, because SNI holds no addresses (RFC 6066, 3).
	Host string

	// Path is compared in its normal form. With protocol HTTP a path that ends in / matches
	// every path that begins with it. Empty with Passthrough.
	Path string

	Protocol       Protocol // HTTP or WS, or Passthrough on a Passthrough listener
	Pool           string   // the Name of one of Config.Pools
	AllowedOrigins []string // as in Listener. Valid only if Protocol is WS
}
