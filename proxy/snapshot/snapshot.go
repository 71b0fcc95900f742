// Package snapshot holds the run-time form of a configuration as immutable data:
// listeners, routes, pools, limits and timeouts.
//
// It makes the decisions that follow from this data alone, such as the route of a
// request. It reads no configuration and opens no connection.
package snapshot

import (
	"net/netip"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/match"
	"mqttlb/proxy/source"
	"mqttlb/proxy/tlv"
)

// Snapshot is the run-time form of a whole configuration. It is immutable once a server
// has it.
type Snapshot struct {
	Listeners []*Listener

	// UnusedPools are the pools that no listener uses. Sessions can be on them from when one did.
	UnusedPools []*Pool

	MaxConnections int // sessions of the process; 0: no limit
	ConnectRate    int // new sessions a second; 0: no limit

	// The limits of one client address: an IPv4 address, or an IPv6 network of 64 bits.
	// Clients on a Unix socket have no address and no such limit.
	MaxConnectionsPerAddress int // open at the same time; 0: no limit
	ConnectRatePerAddress    int // new ones a second; 0: no limit

	ClientID ClientIDLimit
	Bans     Bans

	MaxConnectSize int // bytes of the largest CONNECT, with its fixed header

	// OpeningMemory limits the bytes kept for all clients whose CONNECT or TLS handshake
	// is not complete. Beyond it a client of the address that holds the most is closed.
	// 0: no limit.
	OpeningMemory int64

	// SocketBuffer is the size in bytes of the kernel's two buffers for a connection to a client or a
	// node; 0: as the kernel likes.
	SocketBuffer int

	MaxHeaderSize  int   // bytes of the largest header of an HTTP request
	MaxRequestSize int64 // bytes of the largest body of an HTTP request; 0: no limit
	MinBodyRate    int   // bytes a second, the least rate of the body of an HTTP request and of its response; 0: see [web.Settings]

	// LogRate is the most log lines a second for the sessions that ended well, and for
	// those of each other outcome; 0: no limit.
	LogRate int

	Timeouts Timeouts
}

// Timeouts of a session; none may be negative.
type Timeouts struct {
	ConnectPacket time.Duration // from accept, or with TLS from the end of the handshake, to a whole CONNECT
	Dial          time.Duration // for one attempt to reach a node
	ConnectNode   time.Duration // for all attempts; they repeat while one timed out; 0: each node is tried once
	Connack       time.Duration // from the CONNECT sent to a node to its CONNACK; 0: no limit
	Idle          time.Duration // without a byte in either direction; 0: by each client's keep alive
	HalfClosed    time.Duration // from the close of one side to the end
	Write         time.Duration // without progress on the bytes kept for one side; 0: no limit
	Shutdown      time.Duration // for sessions to end by themselves during a graceful stop
	Response      time.Duration // until the header of a node's HTTP response; 0: no limit
	KeepAlive     time.Duration // between the requests of an HTTP connection
	RequestBody   time.Duration // for the body of an HTTP request, see [web.Settings]; 0: no limit
	Tunnel        time.Duration // without a byte, after an upgrade by a node or inside its response; 0: no limit
}

// Listener is an address that clients connect to.
type Listener struct {
	Name     string
	Network  string // "tcp" or "unix"
	Address  string // host:port, where an empty host means every address, or a path
	Protocol Protocol
	Pool     *Pool

	// AcceptProxy says that peers in Trusted begin with a PROXY header, which names the
	// client. The listener does not believe a header from any other peer. It trusts all
	// peers on a Unix socket: the permissions of the socket decide who they are.
	AcceptProxy bool

	// ForwardedFor says that the client of a request from one of Trusted is the one in its
	// X-Forwarded-For. Only for WS and HTTP.
	ForwardedFor bool

	Trusted []netip.Prefix

	MaxConnections int // sessions of this listener; 0: no limit

	// Tolerant says that a CONNECT may break the rules that EMQX does not enforce. See
	// [mqttparse.Rule].
	Tolerant bool

	// SinglePackets says that each MQTT packet of a node that speaks plain MQTT gets a WebSocket frame of its own.
	SinglePackets bool

	// Reserve are the places of the process that only connections of this listener can take; a negative
	// number is a percentage of all places.
	Reserve int

	// TLS is the clients' TLS; nil: none.
	TLS *TLS

	// Hosts are the hosts that a request may ask for, as in [MatchHost]; empty: every
	// host. Only for WS and HTTP.
	Hosts []string

	// Rules decide which clients are let in.
	Rules Rules

	// Routes, in order: the first one that takes the request or the connection gets it. On WS
	// and HTTP listeners, a request without a route is answered 404. On the others, routes have
	// neither host nor path, and Pool gets the connections without a route.
	Routes []Route

	index *match.Set // of Routes; nil: see IndexRoutes
}

// Pool is a balancer's pool and the settings of connections to its nodes.
type Pool struct {
	*balancer.Pool

	// Undiscovered says that the nodes are not known yet: sessions wait for them.
	Undiscovered bool

	// SendProxy is the version of the PROXY header at the start of each connection to a
	// node: 1, 2, or 0 for none.
	SendProxy int

	// ForwardTLVs are the TLVs of a trusted proxy that the nodes get. 0 unless SendProxy is 2.
	ForwardTLVs tlv.Kinds

	// TLS is the TLS of the nodes; nil: none. The PROXY header comes before TLS.
	TLS *NodeTLS

	// Source is where connections to the nodes begin; nil: the kernel chooses.
	Source *source.Set

	// DialFailed is called for each failed connection to a node. Event loops call it, so
	// it must not block. It may be nil.
	DialFailed func(*balancer.Node)

	// RemovedNodesRate is how many sessions a second leave a node that the pool no longer has;
	// 0: they stay until they end.
	RemovedNodesRate int

	// DownNodesRate is how many sessions a second leave a node that the health checks have taken
	// down, while another node of the pool is up; 0: they stay.
	DownNodesRate int

	// TakeOver says that a client which has connected again loses its old session if that is on another node.
	TakeOver bool

	// Confirm says which clients go on to the next candidate if their node does not accept them.
	Confirm Confirm
	// RebalanceRate is how many sessions a second return to the first node for their key, once it is up
	// again; 0: they stay.
	RebalanceRate int

	// WebSocket says that the nodes speak MQTT over WebSocket, not plain MQTT.
	WebSocket bool

	// Path is the path of the upgrades that the nodes get; empty: that of the client's. Only with WebSocket.
	Path string

	// ForwardHeaders are the headers of a client's upgrade that the nodes get, in
	// canonical form.
	ForwardHeaders []string

	// RemoveHeaders are the headers of a client's request that the nodes do not get.
	RemoveHeaders map[string]bool // from HeaderNames

	// Cookie is the name of the cookie that keeps an HTTP client on its node; empty: the
	// algorithm decides.
	Cookie string
}

// Confirm is how a client whose node refuses it for reasons of its own, or closes before it has
// answered, goes on to the next candidate. It needs a listener that reads MQTT.
type Confirm struct {
	Attempts int           // times that the CONNECT is sent, at most; 0: a client stays with the first node
	Time     time.Duration // from the first CONNECT sent; no other node is tried after it
	Silence  bool          // a node that has not answered within Timeouts.Connack counts, too
}
