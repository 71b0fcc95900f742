package config

import "time"

// A Pool is a set of nodes that serve the same clients, and how one of them is chosen.
type Pool struct {
	Name     string   // unique among the pools
	Protocol Protocol // the protocol of the nodes

	Algorithm Algorithm

	// HashKey is the field that ConsistentHash hashes. Listeners of protocol TCP and
	// Passthrough always hash the source address. Empty if Algorithm is not
	// ConsistentHash.
	HashKey HashKey

	// Cookie is the name of the cookie that KeyCookie hashes. Valid only if
	// HashKey is KeyCookie.
	Cookie string

	// ForwardHeaders are the headers of a client's upgrade that a node gets, in canonical
	// form. They never include headers that the balancer writes itself. Valid only if
	// Protocol is WS; empty: none.
	ForwardHeaders []string

	// ProxyProtocol is the PROXY header that nodes get: ProxyOff, ProxyV1 or ProxyV2.
	ProxyProtocol ProxyProtocol

	TLS *NodeTLS // nil: no TLS to the nodes

	// RemovedNodes says what happens to the sessions of a node that a reload removes from
	// the pool, and WhenDown to those of a node that the health checks take down.
	// DrainRate is how many of them leave in a second; valid only if RemovedNodes is
	// DrainRemoved or WhenDown is CloseDown.
	RemovedNodes RemovedNodes
	WhenDown     WhenDown
	DrainRate    int

	// Rebalance is how many sessions a second return to their first node, once it is up again;
	// 0: they stay. Only in a pool that hashes a field that sessions keep.
	Rebalance Rate

	// Readiness says that the process is not ready while a listener uses the pool and none
	// of its nodes is up.
	Readiness bool

	Health Health
	Nodes  []Node // at least one
}

// NodeTLS configures TLS to nodes, for sessions and probes. Paths are kept as written:
// relative ones begin at the working directory.
type NodeTLS struct {
	CA string // PEM, one CA or more; empty: the system's. Valid only if Verify

	// ServerName is sent to nodes as SNI, and their certificates must have it. It is in
	// lower case without a last dot, or an IP address, which is not sent (RFC 6066, 3).
	// Empty: the host of each node's Address.
	ServerName string

	Cert string // PEM, our certificate chain for the nodes; empty: none
	Key  string // PEM; empty: Cert has it, too

	Verify bool // false: any certificate is accepted
}

// Health says how to probe the nodes of a pool.
type Health struct {
	Probe    Probe
	Interval time.Duration // from one probe of a node to the next, before jitter
	Timeout  time.Duration // for one whole probe; at most Interval
	Rise     int           // good probes in a row that bring a node up, at least 1
	Fall     int           // bad probes in a row that take a node down, at least 1

	// The request. The fields are valid only if Probe is ProbeHTTP.
	Method string // GET or HEAD
	Path   string // with its query, if any
	Host   string // the Host header; empty: the node's address, with Port
	Status int    // of a good response; 0: any 2xx
	Port   int    // port to probe; 0: the node's own
}

// A Node is one broker address.
type Node struct {
	// Name is hashed by consistent_hash and identifies the node across reloads, even if
	// its address changes. Unique in its pool; the same name in two pools is the same
	// broker.
	Name string

	Address Address // of Network "tcp", with a host and a port

	Weight         int // share of the clients relative to the pool's other nodes, at least 1
	MaxConnections int // limit of open sessions on this node; 0: no limit
}
