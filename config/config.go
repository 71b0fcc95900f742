package config

import (
	"net/netip"
	"time"
)

// Config is a whole configuration. Load, Read, Parse and FromFlags return it with
// every default filled in and every reference resolved; it is plain data that
// nothing in this package touches again.
type Config struct {
	// Files are those that the configuration was read from, as they were named: the
	// main one, then those that it includes in the order in which they were read.
	// Empty if it came from flags. They are no part of what it means.
	Files []string

	// Include are the patterns of files to include, from the folder of the main one
	// on. A file that comes to fit one changes the configuration.
	Include []string

	Listeners []Listener // at least one
	Pools     []Pool     // at least one
	Limits    Limits
	Timeouts  Timeouts
	Admin     Admin
	Log       Log
}

// A Listener is an address where clients arrive.
type Listener struct {
	Name     string  // unique among the listeners
	Address  Address // unique among the listeners and Admin
	Protocol Protocol
	Pool     string // the Name of one of Config.Pools

	// TLS is nil for a listener in the clear, and for one that passes TLS on.
	TLS *TLS

	// Path is the request path of the WebSocket upgrade, compared byte by byte.
	// Valid only if Protocol is WS.
	Path string

	// AllowedHosts are the hosts that an upgrade may ask for; empty: any. A host
	// is as in Route. Valid only if Protocol is WS.
	AllowedHosts []string

	// AllowedOrigins are the origins of web pages that may connect; empty: any. An
	// upgrade without Origin comes from no browser and is let in. An origin is in
	// lower case and without its scheme's own port, as a browser writes it; in
	// https://*.example.com the star is one or more labels. Valid only if Protocol
	// is WS.
	AllowedOrigins []string

	// Routes take requests, or with protocol TLS connections, away from Pool; the
	// first that fits wins. Valid only if Protocol is HTTP or Passthrough.
	Routes []Route

	// ProxyProtocol is ProxyOff or ProxyAccept. With ProxyAccept a header is
	// mandatory from TrustedProxies, and a header from anyone else is not
	// believed.
	ProxyProtocol ProxyProtocol

	// TrustedProxies are masked prefixes, IPv4 never mapped into IPv6. Not
	// empty if ProxyProtocol is ProxyAccept, except on a Unix socket, where
	// the permissions of the socket's file say who is trusted.
	TrustedProxies []netip.Prefix

	// MaxConnections is how many sessions may be open on this listener; 0
	// means that only Limits.MaxConnections counts.
	MaxConnections int
}

// A Route sends the requests of one host and path on an http listener to a
// pool of their own. Whether a request fits is said by these two alone: what a
// route of protocol WS takes and is no upgrade is refused. On a tls listener it
// goes by the host in the SNI of a connection, and has neither Path nor
// AllowedOrigins.
type Route struct {
	// Host is what the Host header has to be, its port left aside: a name in
	// lower case without a last dot, an IP address (IPv6 without brackets), or a
	// name of which the first or last part is open. *.example.com takes what has
	// one or more labels before .example.com, ws.* what has them after ws. Empty:
	// any host. With Passthrough it is neither empty nor an IP address, which no SNI
	// holds (RFC 6066, 3).
	Host string

	// Path is compared byte by byte. With protocol HTTP a path that ends in /
	// takes all that begins with it. Empty with Passthrough.
	Path string

	Protocol       Protocol // HTTP or WS, or Passthrough on a listener of it
	Pool           string   // the Name of one of Config.Pools
	AllowedOrigins []string // as in Listener. Valid only if Protocol is WS
}

// TLS says how a listener ends TLS. Paths are kept as written: relative ones
// start at the working directory.
type TLS struct {
	// Certificates are chosen by SNI, exact names before wildcards. At least one;
	// the first is for all other names and for clients that send none.
	Certificates []Certificate

	// StrictSNI refuses names that no certificate fits with an alert. A client that
	// sends none gets the first certificate in any case.
	StrictSNI bool

	ClientCA   string     // PEM, one CA or more; empty: no client certificate is asked for
	ClientCRL  string     // PEM or DER, what ClientCA has revoked; empty: nothing. Needs ClientCA
	ClientAuth ClientAuth // not ClientAuthNone if and only if ClientCA is set

	// RequireIdentity of each MQTT client has to be the CN or one of the SANs of its
	// certificate, so that one without a certificate is refused; empty: nothing has to.
	RequireIdentity Identity

	MinVersion, MaxVersion TLSVersion // MinVersion is not the higher

	// ALPN are the protocols that may be agreed on, the best first (RFC 7301). A
	// client that offers others alone is refused, one that offers none is not.
	// Empty: there is nothing to agree on.
	ALPN []string

	// TicketKeys is a file of keys for session tickets, the same for all replicas;
	// empty: each process has its own.
	TicketKeys string

	HandshakeTimeout  time.Duration // from the accept, time in the queue included
	MaxHandshakes     int           // that compute at once, at least 1
	MaxHandshakeQueue int           // waiting for MaxHandshakes and HandshakeRate; more are closed
	HandshakeRate     int           // begun in a second; 0: no limit
}

// A Certificate is a chain and its key in PEM.
type Certificate struct {
	Cert string // unique in its listener
	Key  string // empty: in the file Cert, too
}

// A Pool is the nodes that can serve a listener's clients, and how one of them
// is chosen.
type Pool struct {
	Name     string   // unique among the pools
	Protocol Protocol // what the nodes speak

	Algorithm Algorithm

	// HashKey is what ConsistentHash hashes. Listeners of protocol TCP and
	// Passthrough hash the source address, whatever it says. Empty, and without
	// meaning, if Algorithm is not ConsistentHash.
	HashKey HashKey

	// Cookie is the name of the cookie that KeyCookie hashes. Valid only if
	// HashKey is KeyCookie.
	Cookie string

	// ForwardHeaders are the headers of a client's upgrade that a node gets, in
	// canonical form. They never hold what the balancer writes itself. Valid only if
	// Protocol is WS; empty: none.
	ForwardHeaders []string

	// ProxyProtocol is the header that nodes get: ProxyOff, ProxyV1 or ProxyV2.
	ProxyProtocol ProxyProtocol

	TLS *NodeTLS // nil: nodes are spoken to in the clear

	// RemovedNodes is what becomes of the sessions of a node that a reload takes out of
	// the pool. DrainRate is how many of them leave in a second; valid only if it is
	// DrainRemoved.
	RemovedNodes RemovedNodes
	DrainRate    int

	Health Health
	Nodes  []Node // at least one
}

// NodeTLS says how TLS is spoken to nodes, by sessions and probes alike. Paths
// are kept as written: relative ones start at the working directory.
type NodeTLS struct {
	CA string // PEM, one CA or more; empty: those of the system. Valid only if Verify

	// ServerName is what nodes get as SNI and what their certificates have to
	// name: in lower case without a last dot, or an IP address, which is not sent
	// (RFC 6066, 3). Empty: the host of each node's Address.
	ServerName string

	Cert string // PEM, the chain that nodes are shown; empty: none
	Key  string // PEM; empty: in the file Cert, too

	Verify bool // false: whoever answers is taken for the node
}

// Health says how the nodes of a pool are probed.
type Health struct {
	Probe    Probe
	Interval time.Duration // from one probe of a node to its next, before jitter
	Timeout  time.Duration // for one whole probe; at most Interval
	Rise     int           // good probes in a row that bring a node up, at least 1
	Fall     int           // bad probes in a row that take a node down, at least 1

	// Of the http probe. Valid only if Probe is ProbeHTTP.
	Method string // GET or HEAD
	Path   string // with its query, if it has one
	Host   string // the Host header; empty: the node's address, with Port
	Status int    // that is good; 0: any 2xx
	Port   int    // to ask; 0: the node's own
}

// A Node is one broker address.
type Node struct {
	// Name is what consistent_hash hashes and what a node keeps across
	// reloads, whatever its address becomes. Unique in its pool; the same name
	// in two pools is the same broker.
	Name string

	Address Address // of Network "tcp", with a host and a port

	Weight         int // share of the clients relative to the pool's other nodes, at least 1
	MaxConnections int // sessions open on this node at most; 0: no limit
}

// Limits bound what clients can make the process do.
type Limits struct {
	MaxConnections int // sessions open in the whole process, at least 1
	ConnectRate    int // new sessions a second, refused as busy beyond it; 0: no limit

	// Of one client address, the one in its PROXY header where a listener accepts
	// that; an IPv6 address is its network of 64 bits. Clients on a Unix socket
	// without such a header have none.
	MaxConnectionsPerAddress int // open at the same time; 0: no limit
	ConnectRatePerAddress    int // new ones a second; 0: no limit

	MaxConnectSize int // bytes of the largest CONNECT, fixed header included
	MaxHeaderSize  int // bytes of the largest header of an HTTP request, an upgrade's too
	MaxRequestSize int // bytes of the largest body of a request on an http listener; 0: no limit

	// OpeningMemory is what all clients together may hold, in bytes, before their CONNECT or TLS handshake is
	// whole; past it the address that holds the most loses. 0: no limit.
	OpeningMemory int

	// MinBodyRate is how many bytes give the body of a request, and a part of a
	// response, one second more than Timeouts.RequestBody and Timeouts.Response; 0:
	// they have no more than that.
	MinBodyRate int
}

// Timeouts end what does not move on.
type Timeouts struct {
	ConnectPacket time.Duration // from accept to a whole CONNECT
	Dial          time.Duration // one attempt to connect to one node

	// ConnectNode is for reaching a node at all, from the first attempt on. When an
	// attempt timed out and no node took the session, the nodes are tried again until
	// this time is over. At least Dial.
	ConnectNode time.Duration

	// Idle ends a session in which no byte has passed for so long. 0 ends it when
	// the client has sent nothing for 1.5 times its Keep Alive and a little; a
	// client without one, and a listener of protocol tcp, then has no limit.
	Idle time.Duration

	// Response is the time from a request on an http listener to the header of the node's
	// response, and how long either side may take nothing of what it is sent.
	Response time.Duration

	KeepAlive time.Duration // from a response to the next request of an HTTP client

	// RequestBody is how long the body of a request may keep us waiting, at once and in
	// all; see Limits.MinBodyRate.
	RequestBody time.Duration

	// Tunnel is how long no byte may pass either way after a node of an http listener
	// has upgraded a connection, and none of a node's response once it has begun; 0:
	// no limit.
	Tunnel time.Duration

	// Write is how long a client or a node may take nothing of what is kept for it: what the other side has sent and its
	// connection had no room for. Taking any starts it anew. 0: no limit. It is not for listeners of protocol http, on which
	// Response is.
	Write time.Duration

	HalfClosed time.Duration // from the first side's EOF to the end of the session
	Shutdown   time.Duration // from SIGTERM until the open sessions are ended; 0: at once
}

// Admin is how operators and their programs reach the process.
type Admin struct {
	Address Address // of /healthz and /metrics; the zero Address switches that server off

	// Socket is the absolute path of the Unix socket that takes commands, or SocketOff.
	// Empty: a file in the runtime directory, if there is one.
	Socket string

	// StateDir is the absolute path of the folder that keeps the last good
	// configuration; empty: nothing keeps it.
	StateDir string
}

// SocketOff is an Admin.Socket that there is not.
const SocketOff = "off"

// Log is how the process speaks.
type Log struct {
	Level  LogLevel
	Format LogFormat
}
