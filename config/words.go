package config

// The words of the language: every setting that takes one of a few words has
// its type and its list here. The first of a list is not always the default;
// defaults.go says that.

// A Protocol is what clients speak on a listener, or nodes in a pool.
type Protocol string

// The protocols.
const (
	MQTT Protocol = "mqtt" // MQTT over TCP, or over TLS where the listener has it
	WS   Protocol = "ws"   // MQTT over WebSocket
	HTTP Protocol = "http" // requests that are no MQTT: a broker's API and dashboard
	TCP  Protocol = "tcp"  // bytes that nobody looks into

	// Passthrough is of listeners alone: TLS that a node ends. The SNI is read.
	Passthrough Protocol = "tls"
)

var (
	listenerProtocols = []Protocol{MQTT, WS, HTTP, TCP, Passthrough}
	nodeProtocols     = []Protocol{MQTT, WS, HTTP, TCP}
)

// poolProtocols lists for the protocol of a listener what the nodes of its
// pool may speak. A listener that does not look inside takes anything.
var poolProtocols = map[Protocol][]Protocol{
	MQTT: {MQTT},
	WS:   {WS, MQTT},
	HTTP: {HTTP},
	TCP:  {TCP, MQTT, WS, HTTP},

	Passthrough: {TCP}, // to a node that speaks mqtt in the clear TLS is noise
}

// routeProtocols are what one listener of protocol http can tell apart.
var routeProtocols = []Protocol{HTTP, WS}

// An Algorithm chooses a node for a session.
type Algorithm string

// The algorithms.
const (
	ConsistentHash   Algorithm = "consistent_hash"
	LeastConnections Algorithm = "least_connections"
	RoundRobin       Algorithm = "round_robin"
	RandomTwo        Algorithm = "random_two"
	SourceIP         Algorithm = "source_ip" // consistent_hash over the client's address
)

var algorithms = []Algorithm{ConsistentHash, LeastConnections, RoundRobin, RandomTwo, SourceIP}

// A HashKey is what ConsistentHash takes from a session.
type HashKey string

// The hash keys.
const (
	KeyClientID HashKey = "client_id"
	KeyUsername HashKey = "username"
	KeySourceIP HashKey = "source_ip"
	KeyCookie   HashKey = "cookie" // that the balancer gives an HTTP client
	KeyTLSCN    HashKey = "tls_cn" // the CN of the certificate that a client shows
	KeySNI      HashKey = "sni"    // the host that a client asks for in its TLS handshake
)

var hashKeys = []HashKey{KeyClientID, KeyUsername, KeySourceIP, KeyCookie, KeyTLSCN, KeySNI}

// protocolKeys lists for the protocol of a pool what its clients have. The
// first is the default: the session in a broker belongs to the client
// identifier, and nobody looks for one in what is not MQTT.
var protocolKeys = map[Protocol][]HashKey{
	MQTT: {KeyClientID, KeyUsername, KeySourceIP, KeyTLSCN, KeySNI},
	WS:   {KeyClientID, KeyUsername, KeySourceIP, KeyTLSCN, KeySNI},
	HTTP: {KeySourceIP, KeyCookie},
	TCP:  {KeySourceIP},
}

// A ProxyProtocol says what is done with PROXY headers: on a listener those
// that arrive, in a pool those that are sent.
type ProxyProtocol string

// The modes of the PROXY protocol.
const (
	ProxyOff    ProxyProtocol = "off"
	ProxyAccept ProxyProtocol = "accept" // listeners: v1 or v2, from trusted proxies only
	ProxyV1     ProxyProtocol = "v1"     // pools
	ProxyV2     ProxyProtocol = "v2"     // pools
)

var (
	listenerProxyProtocols = []ProxyProtocol{ProxyOff, ProxyAccept}
	poolProxyProtocols     = []ProxyProtocol{ProxyOff, ProxyV1, ProxyV2}
)

// A Probe is what a health check does to a node.
type Probe string

// The probes.
const (
	ProbeNone Probe = "none" // nothing; real sessions still tell a node that fails
	ProbeTCP  Probe = "tcp"  // connect, close
	ProbeMQTT Probe = "mqtt" // CONNECT, judge the CONNACK, DISCONNECT
	ProbeHTTP Probe = "http" // a request, judge the response's status
)

var probes = []Probe{ProbeNone, ProbeTCP, ProbeMQTT, ProbeHTTP}

// methods are those of the http probe: they ask and change nothing.
var methods = []string{"GET", "HEAD"}

// A ClientAuth says whether a client must show a certificate.
type ClientAuth string

// The ways to ask for a client certificate.
const (
	ClientAuthNone    ClientAuth = "none"
	ClientAuthRequest ClientAuth = "request" // a client may have none; one that it shows must verify
	ClientAuthRequire ClientAuth = "require"
)

var clientAuths = []ClientAuth{ClientAuthNone, ClientAuthRequest, ClientAuthRequire}

// An Identity is what of an MQTT client its certificate has to name.
type Identity string

// The identities.
const (
	IdentityClientID Identity = "client_id"
	IdentityUsername Identity = "username"
)

var identities = []Identity{IdentityClientID, IdentityUsername}

// A TLSVersion is the lowest or the highest version that is negotiated. Of two
// the older is the smaller string.
type TLSVersion string

// The TLS versions.
const (
	TLS12 TLSVersion = "1.2"
	TLS13 TLSVersion = "1.3"
)

var tlsVersions = []TLSVersion{TLS12, TLS13}

// A LogLevel is the least important line that is written. log/slog's
// Level.UnmarshalText takes each of them.
type LogLevel string

// The log levels.
const (
	LevelDebug LogLevel = "debug"
	LevelInfo  LogLevel = "info"
	LevelWarn  LogLevel = "warn"
	LevelError LogLevel = "error"
)

var logLevels = []LogLevel{LevelDebug, LevelInfo, LevelWarn, LevelError}

// A LogFormat is how a line is written.
type LogFormat string

// The log formats.
const (
	FormatText LogFormat = "text"
	FormatJSON LogFormat = "json"
)

var logFormats = []LogFormat{FormatText, FormatJSON}

// RemovedNodes is what becomes of the sessions of nodes that a reload takes out of
// their pool.
type RemovedNodes string

// The values of removed_nodes.
const (
	DrainRemoved RemovedNodes = "drain" // they leave, drain_rate a second
	KeepRemoved  RemovedNodes = "keep"  // they stay until they end
)

var removedNodes = []RemovedNodes{DrainRemoved, KeepRemoved}
