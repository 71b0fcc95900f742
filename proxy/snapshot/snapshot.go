// Package snapshot has everything that a configuration means at run time, as immutable
// data: listeners, routes, pools, limits and timeouts.
//
// It decides what follows from that data alone, such as the route of a request. It
// reads no configuration, and opens no connection.
package snapshot

import (
	"net/netip"
	"time"

	"mqttlb/balancer"
)

// Protocol is what a listener's clients speak.
type Protocol uint8

const (
	// MQTT listeners read the CONNECT of each client.
	MQTT Protocol = iota
	// TCP listeners relay without looking inside.
	TCP
	// WS listeners answer the upgrade to WebSocket and read the CONNECT of each
	// client inside its frames.
	WS
	// HTTP listeners serve requests by their routes; some may be upgrades as of WS.
	HTTP
	// Passthrough listeners read the server name that a client of TLS asks for, and
	// pass its TLS on as it is.
	Passthrough
)

// Snapshot is everything a configuration means at run time. It is immutable
// once it is handed to a server.
type Snapshot struct {
	Listeners []*Listener

	// UnusedPools are the pools that no listener uses. Sessions can be on them from when one did.
	UnusedPools []*Pool

	MaxConnections int // sessions of the process; 0: no limit
	ConnectRate    int // new sessions a second; 0: no limit

	// Of one client address: an IPv4 address, or an IPv6 network of 64 bits. Clients
	// on a Unix socket have none and no limit.
	MaxConnectionsPerAddress int // at the same time; 0: no limit
	ConnectRatePerAddress    int // new ones a second; 0: no limit

	MaxConnectSize int // bytes of the largest CONNECT accepted, header included

	// OpeningMemory bounds what all clients hold, in bytes, before their CONNECT or TLS
	// handshake is whole. Past it the address that holds the most loses. 0: no limit.
	OpeningMemory int64

	MaxHeaderSize  int   // bytes of the largest header of an HTTP request
	MaxRequestSize int64 // bytes of the largest body of one; 0: no limit
	MinBodyRate    int   // bytes a second that the body of one, and its response, must move with; 0: see [web.Settings]

	Timeouts Timeouts
}

// Timeouts of a session; none may be negative.
type Timeouts struct {
	ConnectPacket time.Duration // from accept to a whole CONNECT
	Dial          time.Duration // for each node tried
	ConnectNode   time.Duration // for all of them, tried again while one timed out; 0: each is tried once
	Idle          time.Duration // without a byte either way; 0: from each client's keep alive
	HalfClosed    time.Duration // after the first side has closed
	Write         time.Duration // for a side to take some of what is kept for it; 0: no limit
	Shutdown      time.Duration // for the sessions to end by themselves on a graceful stop
	Response      time.Duration // for the header of a node's HTTP response; 0: no limit
	KeepAlive     time.Duration // between the requests of an HTTP connection
	RequestBody   time.Duration // for the body of an HTTP request, see [web.Settings]; 0: no limit
	Tunnel        time.Duration // without a byte, after an upgrade by a node and within its response; 0: no limit
}

// Listener is an address where clients arrive.
type Listener struct {
	Name     string
	Network  string // "tcp" or "unix"
	Address  string // host:port, where an empty host is every address, or a path
	Protocol Protocol
	Pool     *Pool

	// AcceptProxy says that peers in Trusted open with a PROXY header, which
	// names the client. A header from any other peer is not believed. Peers on
	// a Unix socket are trusted: its permissions say who they are.
	AcceptProxy bool
	Trusted     []netip.Prefix

	MaxConnections int // sessions of this listener; 0: no limit

	// TLS ends the clients' TLS before anything else is read; nil: there is none.
	TLS *TLS

	// Hosts are the hosts that an upgrade may ask for, as in [MatchHost];
	// empty: every host. Of WS listeners.
	Hosts []string

	// Routes of WS and HTTP listeners, in order: the first whose host and path
	// match takes the request. What no route takes is answered 404. On Passthrough
	// listeners the host is the server name, and Pool takes the rest.
	Routes []Route
}

// Route sends requests to a pool.
type Route struct {
	Host string // see [MatchHost]
	Path string // see [MatchPath]
	Pool *Pool

	// WebSocket says that MQTT over WebSocket is served here: a request that
	// is no upgrade is refused. Otherwise the pool's nodes speak HTTP.
	WebSocket bool

	// Origins are the web pages that may upgrade; "https://*.example.com" is any
	// host below example.com. Empty: every page. Who sends no Origin is no browser.
	Origins []string
}

// Pool is a balancer's pool and how sessions reach its nodes.
type Pool struct {
	*balancer.Pool

	// SendProxy is the version of the PROXY header that opens each connection
	// to a node: 1, 2, or 0 for none.
	SendProxy int

	// TLS is what the nodes speak; nil: they are spoken to in the clear. The PROXY
	// header comes before it.
	TLS *NodeTLS

	// DialFailed is told of each connection to a node that could not be made.
	// It is called from the loops and must not block. Nil: nobody is told.
	DialFailed func(*balancer.Node)

	// RemovedNodesRate is how many sessions a second leave a node that is in the pool no more;
	// 0: they stay until they end.
	RemovedNodesRate int

	// WebSocket says that the nodes speak MQTT over WebSocket, and not bare.
	WebSocket bool

	// ForwardHeaders are the headers of a client's upgrade that these nodes get,
	// in canonical form.
	ForwardHeaders []string

	// Cookie names the cookie that keeps a client of HTTP on its node; empty: the
	// algorithm decides.
	Cookie string
}
