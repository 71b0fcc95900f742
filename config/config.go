package config

import (
	"net/netip"
	"time"
)

// Config is a whole configuration. Load, Read, Parse and FromFlags return it with every
// default set and every reference resolved. It is plain data that this package does not
// touch again.
type Config struct {
	// Files are the files that the configuration was read from, as they were named: the
	// main file, then the included files in the order in which they were read. Empty if
	// the configuration came from flags. Files do not change the meaning of a Config.
	Files []string

	// Warnings are about settings that can be used but hardly mean what was written. They do not
	// change the meaning of a Config.
	Warnings Errors

	// Include are the patterns of files to include, relative to the folder of the main
	// file. A new file that matches a pattern changes the configuration.
	Include []string

	// Rules are those of all listeners. They come before a listener's own.
	Rules []Rule

	Listeners []Listener // at least one
	Pools     []Pool     // at least one
	Limits    Limits
	Bans      *Bans // nil: no client address is banned by itself
	Timeouts  Timeouts
	Resolver  Resolver
	Admin     Admin
	Log       Log

	written *source // for Fault; does not change the meaning either
}

// A Listener is an address that clients connect to.
type Listener struct {
	Name     string  // unique among the listeners
	Address  Address // unique among the listeners and Admin
	Protocol Protocol
	Pool     string // the Name of one of Config.Pools

	// TLS is nil without TLS, and on a listener that passes TLS through.
	TLS *TLS

	// Path is the request path of the WebSocket upgrade, as one of Paths; empty if there are Paths.
	// Valid only if Protocol is WS.
	Path string

	// Paths are several such paths. Each is compared in its normal form, and one that ends in /* matches every path
	// below. Empty if there is a Path. Valid only if Protocol is WS.
	Paths []string

	// Subprotocol says whether an upgrade must offer a subprotocol of MQTT. Valid only if Protocol is WS.
	Subprotocol Subprotocol

	// AllowedHosts are the hosts that a request may ask for; empty: any. A host is as in
	// Route. Valid only if Protocol is WS or HTTP.
	AllowedHosts []string

	// AllowedOrigins are the origins of web pages that may connect; empty: any. An
	// upgrade without Origin does not come from a browser and is accepted. An origin is null, or
	// in lower case and without its scheme's own port, as a browser writes it; in
	// https://*.example.com the star is one or more labels. Valid only if Protocol is WS.
	AllowedOrigins []string

	// Routes take clients, or with HTTP requests, away from Pool; the first match wins.
	Routes []Route

	// Rules decide which clients are let in, after those of Config.
	Rules []Rule

	// ProxyProtocol is ProxyOff or ProxyAccept. With ProxyAccept, peers in TrustedProxies
	// must send a header, and a header from any other peer is not believed.
	ProxyProtocol ProxyProtocol

	// ClientAddress is FromConnection, or FromForwardedFor if the client of a request from one of
	// TrustedProxies is the one in its X-Forwarded-For. FromConnection unless Protocol is WS or HTTP.
	ClientAddress ClientAddress

	// TrustedProxies are masked prefixes, IPv4 never mapped into IPv6. Not empty if
	// ProxyProtocol is ProxyAccept or ClientAddress is FromForwardedFor, except on a Unix
	// socket, where the permissions of the socket decide who is trusted.
	TrustedProxies []netip.Prefix

	// MaxConnections is the limit of open sessions on this listener; 0: only
	// Limits.MaxConnections.
	MaxConnections int

	// Validity says which CONNECT is valid. Strict if Protocol has no CONNECT.
	Validity Validity

	// WebSocketPackets says how the packets of nodes that speak plain MQTT are put into frames.
	// Meaningless if Protocol is neither WS nor HTTP.
	WebSocketPackets WebSocketPackets

	// Reserve are the places of Limits.MaxConnections that only this listener's connections
	// can take.
	Reserve Reserve
}

// Limits limit what clients can make the process do.
type Limits struct {
	MaxConnections int // limit of open sessions in the process, at least 1
	ConnectRate    int // new sessions a second, others are refused as busy; 0: no limit

	// The limits of one client address. It is the address in the PROXY header or in
	// X-Forwarded-For if the listener accepts one, and never that of a trusted proxy; an IPv6 address counts as its network of 64 bits. Clients on
	// a Unix socket without a header have no such limit.
	MaxConnectionsPerAddress int // open at the same time; 0: no limit
	ConnectRatePerAddress    int // new ones a second; 0: no limit

	// ConnectRatePerClientID limits the sessions that one client begins, and ClientIDHold is how long a client
	// that begins more of them is held off.
	ConnectRatePerClientID RateWithin
	ClientIDHold           time.Duration

	MaxConnectSize int // bytes of the largest CONNECT, with its fixed header
	MaxHeaderSize  int // bytes of the largest header of an HTTP request or an upgrade
	MaxRequestSize int // bytes of the largest body of a request on an HTTP listener; 0: no limit

	// OpeningMemory limits the bytes kept for all clients whose CONNECT or TLS handshake is not complete.
	// Beyond it a client of the address that holds the most is closed. 0: no limit.
	OpeningMemory int

	// SocketBuffer is the size of the buffers that the kernel has for a connection to a client or a
	// node: one for what is sent, one for what is received.
	SocketBuffer SocketBuffer

	// MinBodyRate is a number of bytes. For each so many, the body of a request gets one
	// second more than Timeouts.RequestBody, and a part of a response one second more
	// than Timeouts.Response; 0: they get no more time.
	MinBodyRate int
}

// Timeouts end whatever makes no progress.
type Timeouts struct {
	ConnectPacket time.Duration // from accept, or with TLS from the end of the handshake, to a whole CONNECT
	Dial          time.Duration // one attempt to connect to one node

	// ConnectNode is the time to reach any node, from the first attempt. If an attempt
	// timed out and no node took the session, the nodes are tried again until this time
	// is over. At least Dial.
	ConnectNode time.Duration

	// Connack is how long a node may take to answer a CONNECT.
	Connack time.Duration

	// Idle ends a session in which no byte has passed for so long. 0 ends it when the
	// client has sent nothing for a little more than 1.5 times its Keep Alive; without a
	// Keep Alive, and on a listener of protocol tcp, there is then no limit.
	Idle time.Duration

	// Response is the time from a request on an HTTP listener to the header of the node's
	// response. It is also how long either side may take none of the bytes sent to it.
	Response time.Duration

	KeepAlive time.Duration // from a response to the next request of an HTTP client

	// RequestBody is how long the body of a request may make us wait, at once and in
	// total; see Limits.MinBodyRate.
	RequestBody time.Duration

	// Tunnel limits silence on an HTTP listener: in both directions of a connection that
	// a node has upgraded, and inside a node's response; 0: no limit.
	Tunnel time.Duration

	// Write is how long a client or a node may take none of the bytes kept for it, which the other side has sent and its
	// connection had no room for. Any progress starts it anew. 0: no limit. It is not for listeners of protocol http, which
	// use Response.
	Write time.Duration

	HalfClosed time.Duration // from the first side's EOF to the end of the session

	// LameDuck is the time from SIGTERM until the process stops accepting clients. In it the
	// process is not ready, so that load balancers and Kubernetes send clients elsewhere.
	LameDuck time.Duration
	Shutdown time.Duration // from the end of LameDuck until the open sessions are ended; 0: at once
}

// Admin configures how operators and their programs reach the process.
type Admin struct {
	Address Address // of the admin server over TCP; the zero Address turns it off

	// TokenFile holds the token in its first line. On a loopback address changes need it; on
	// any other address reads need it, too. Empty: there are no changes over Address.
	TokenFile string

	// Public says what an address that is not loopback shows without the token. Not
	// PublicOff if such an address has no TokenFile.
	Public AdminPublic

	// Hosts are the hosts that a request to Address may name besides localhost and IP
	// addresses. A host is as in Route.
	Hosts []string

	// TLS is nil without TLS. RequireIdentity and the limits of handshakes have no meaning
	// here, and ALPN is http/1.1.
	TLS *TLS

	// Socket is the absolute path of the Unix socket for commands, or SocketOff. Empty: a
	// file in the runtime directory, if there is one.
	Socket string

	// StateDir is the absolute path of the folder for the last good configuration; empty:
	// it is not kept.
	StateDir string

	// StateFile is the absolute path of the file for what operators have set at run time;
	// empty: it is not kept.
	StateFile string
}

// LastGood is the name of the file with the last good configuration, in Admin.StateDir.
const LastGood = "last-good.yaml"

// SocketOff is the Admin.Socket that means no socket.
const SocketOff = "off"
