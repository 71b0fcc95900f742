package config

import (
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"
)

// A Pool is a set of nodes that serve the same clients, and how one of them is chosen.
type Pool struct {
	Name     string   // unique among the pools
	Protocol Protocol // the protocol of the nodes

	Algorithm Algorithm

	// HashKey is the field that ConsistentHash hashes. Listeners of protocol TCP and
	// Passthrough always hash the source address. Empty if Algorithm is not
	// ConsistentHash.
	HashKey HashKey

	// MaxLoad is how many sessions a node may have relative to its fair share before a client
	// without state on it goes to its next candidate; 0: any number. Valid only if Algorithm is
	// ConsistentHash or SourceIP.
	MaxLoad MaxLoad

	// Outliers says whether nodes that fail far more than their peers come last among the
	// candidates for a while.
	Outliers Switch

	// Cookie is the name of the cookie that KeyCookie hashes. Valid only if
	// HashKey is KeyCookie.
	Cookie string

	// Path is the path of the upgrades that a node gets, or PathKeep for that of the client's. Valid only if Protocol
	// is WS.
	Path string

	// ForwardHeaders are the headers of a client's upgrade that a node gets, in canonical
	// form. They never include headers that the balancer writes itself. Valid only if
	// Protocol is WS; empty: none.
	ForwardHeaders []string

	// RemoveHeaders are the headers of a client's request that a node does not get, beside those that name a client and that
	// the balancer writes itself; in canonical form. Valid only if Protocol is HTTP; empty: none.
	RemoveHeaders []string

	// ProxyProtocol is the PROXY header that nodes get: ProxyOff, ProxyV1 or ProxyV2.
	ProxyProtocol ProxyProtocol

	// ForwardTLVs are the TLVs of a trusted proxy in front that nodes get; empty: none. Valid
	// only if ProxyProtocol is ProxyV2.
	ForwardTLVs []ForwardTLV

	// Source are the addresses of this host from which connections to the nodes begin; empty: the kernel chooses.
	// Transparent says that they begin at the address of the client; then Source is empty.
	Source      []Source
	Transparent bool

	TLS *NodeTLS // nil: no TLS to the nodes

	// RemovedNodes says what happens to the sessions of a node that a reload removes from
	// the pool, and WhenDown to those of a node that the health checks take down.
	// DrainRate is how many of them leave in a second; valid only if RemovedNodes is
	// DrainRemoved or WhenDown is CloseDown.
	RemovedNodes RemovedNodes
	WhenDown     WhenDown
	DrainRate    int

	// Takeover says what happens to a client's session on one node when the client connects again, to another one. Off
	// if Protocol is HTTP or TCP.
	Takeover Takeover

	// Confirm says how a client goes on to the next candidate if its node does not accept it; nil: it does
	// not. Nil if Protocol is HTTP or TCP.
	Confirm *Confirm
	// ConnectRate is how many new sessions each node gets in a second. SlowStart is how long
	// a node that has come up again gets only a growing part of that, and of its share of
	// the clients; 0: it gets all at once. Queue is for the sessions that wait for a node;
	// valid only if a node has a rate.
	ConnectRate Rate
	SlowStart   time.Duration
	Queue       Queue
	// Rebalance is how many sessions a second return to their first node, once it is up again;
	// 0: they stay. Only in a pool that hashes a field that sessions keep.
	Rebalance Rate

	// Readiness says that the process is not ready while a listener uses the pool and none
	// of its nodes is up.
	Readiness bool

	Health Health

	Discover *Discover // where more nodes come from; nil: from nowhere
	Nodes    []Node    // at least one, unless there is a Discover
}

// Confirm limits the search for a node that accepts a client. A node does not if it refuses for reasons of
// its own, or closes before it has answered the CONNECT.
type Confirm struct {
	Attempts int           // to have a node accept the client, at least 2
	Time     time.Duration // from the first CONNECT sent; no other node is tried after it
	Silence  Silence       // what a node means that does not answer within Timeouts.Connack
}

// parseAttempts parses Confirm.Attempts. With one attempt there is nothing to confirm.
func parseAttempts(n *yaml.Node) (int, error) {
	attempts, err := integer(2, maxAttempts)(n)
	if _, tooFew := integer(0, 1)(n); tooFew == nil {
		err = fmt.Errorf("%w; for one attempt alone write confirm: %s", err, off)
	}
	return attempts, err
}

// Health says how to probe the nodes of a pool.
type Health struct {
	Probe    []Probe       // at least one; all must be good. Two only if they are ProbeEMQX and ProbeMQTT
	Interval time.Duration // from one probe of a node to the next, before jitter
	Timeout  time.Duration // for one whole probe; at most Interval
	Rise     int           // good probes in a row that bring a node up, at least 1
	Fall     int           // bad probes in a row that take a node down, at least 1

	// The request. The fields are valid only if Probe is ProbeHTTP.
	Method string // GET or HEAD
	Path   string // with its query, if any
	Host   string // the Host header; empty: the node's address, with Port
	Status int    // of a good response; 0: any 2xx

	// Port is the port to probe; 0: the node's own. Valid only if Probe is ProbeHTTP, or has
	// ProbeEMQX, whose management port it is.
	Port int

	// TLS is for Port if that is another one than the node's; nil: no TLS there. Valid only if
	// Probe is ProbeHTTP or has ProbeEMQX.
	TLS *NodeTLS

	// CredentialsFile holds key:secret, of an API key, in its first line; empty: no login.
	// Valid only if Probe has ProbeEMQX.
	CredentialsFile string

	// The CONNECT. The fields are valid only if Probe has ProbeMQTT.
	Version      MQTTVersion
	ClientID     string // a pattern, in which %r, %n, %h and %p stand for something; empty: one of letters and digits
	Username     string // empty: none
	PasswordFile string // the password is its first line; empty: none
}

// Uses reports whether a probe is one of those of h.
func (h *Health) Uses(p Probe) bool { return slices.Contains(h.Probe, p) }

// A Node is one broker address.
type Node struct {
	// Name is hashed by consistent_hash and identifies the node across reloads, even if
	// its address changes. Unique in its pool; the same name in two pools is the same
	// broker.
	Name string

	Address Address // of Network "tcp", with a host and a port

	Weight         int // share of the clients relative to the pool's other nodes, at least 1
	MaxConnections int // limit of open sessions on this node; 0: no limit

	// Priority and Backup order the nodes: those of the lowest priority are used, and later ones while
	// none of them is up. A backup comes after all nodes that are none, whatever their priority.
	Priority int // 0 to 65535
	Backup   bool

	ConnectRate Rate // new sessions a second; RateOfPool: that of its pool

	HealthPort int // overrides Health.Port; 0: that. Valid only if Probe is ProbeHTTP or has ProbeEMQX
}
