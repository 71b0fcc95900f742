package config

// The words of the language. Every setting that takes one of a few words has its type and
// its list here. The default, in defaults.go, need not be the first of its list.

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

// A Switch is the value of a key that turns something on or off.
type Switch string

// The values of a switch.
const (
	On  Switch = "on"
	Off Switch = "off"
)

var switches = []Switch{On, Off}

// A HashKey is the field of a session that ConsistentHash hashes.
type HashKey string

// The hash keys.
const (
	KeyClientID HashKey = "client_id"
	KeyUsername HashKey = "username"
	KeySourceIP HashKey = "source_ip"
	KeyCookie   HashKey = "cookie" // set by the balancer for an HTTP client
	KeyTLSCN    HashKey = "tls_cn" // the CN of the client's certificate
	KeySNI      HashKey = "sni"    // the host that a client asks for in its TLS handshake
)

var hashKeys = []HashKey{KeyClientID, KeyUsername, KeySourceIP, KeyCookie, KeyTLSCN, KeySNI}

// protocolKeys lists, by the protocol of a pool, the fields that its clients have. The
// first is the default: the client identifier, because a broker keeps sessions by it.
// Without MQTT there are no such sessions.
var protocolKeys = map[Protocol][]HashKey{
	MQTT: {KeyClientID, KeyUsername, KeySourceIP, KeyTLSCN, KeySNI},
	WS:   {KeyClientID, KeyUsername, KeySourceIP, KeyTLSCN, KeySNI},
	HTTP: {KeySourceIP, KeyCookie},
	TCP:  {KeySourceIP},
}

// A ProxyProtocol says how to use PROXY headers: a listener receives them, a pool sends
// them.
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

// A ClientAddress says where the address of a listener's client comes from.
type ClientAddress string

// The sources of the address.
const (
	FromConnection   ClientAddress = "connection"      // the peer, or the PROXY header that it begins with
	FromForwardedFor ClientAddress = "x-forwarded-for" // that header of each request, from trusted proxies only
)

var clientAddresses = []ClientAddress{FromConnection, FromForwardedFor}

// A ForwardTLV is a TLV of a trusted proxy that a pool passes on.
type ForwardTLV string

// The TLVs.
const (
	TLVAuthority ForwardTLV = "authority" // the host that the client asked for
	TLVUniqueID  ForwardTLV = "unique_id" // a name of the connection
	TLVSSL       ForwardTLV = "ssl"       // the client's TLS, and the CN of its certificate
)

var forwardTLVs = []ForwardTLV{TLVAuthority, TLVUniqueID, TLVSSL}

// A Validity says which CONNECT a listener accepts.
type Validity string

// The values of validity.
const (
	Strict   Validity = "strict"   // one that breaks no rule of the specifications
	Tolerant Validity = "tolerant" // one that EMQX accepts in its default configuration, too
)

var validities = []Validity{Strict, Tolerant}

// A Subprotocol says whether an upgrade to WebSocket must offer a subprotocol.
type Subprotocol string

// The values of subprotocol.
const (
	SubprotocolRequired Subprotocol = "required" // one of the names of MQTT
	SubprotocolOptional Subprotocol = "optional" // one of these, or none at all
)

var subprotocols = []Subprotocol{SubprotocolRequired, SubprotocolOptional}

// PathKeep is the Pool.Path that means the path of the client.
const PathKeep = "keep"

// WebSocketPackets says how many MQTT packets a frame for a client may have.
type WebSocketPackets string

// The values of websocket_packets.
const (
	SinglePackets   WebSocketPackets = "single"   // one, and the whole of it
	MultiplePackets WebSocketPackets = "multiple" // as many as were read at once, the last one perhaps cut
)

var webSocketPackets = []WebSocketPackets{SinglePackets, MultiplePackets}

// A Probe is the kind of a health check.
type Probe string

// The probes.
const (
	ProbeNone Probe = "none" // no probe; failed sessions still show that a node is down
	ProbeTCP  Probe = "tcp"  // connect, close
	ProbeMQTT Probe = "mqtt" // CONNECT, check the CONNACK, DISCONNECT
	ProbeHTTP Probe = "http" // a request, check the response's status
	ProbeEMQX Probe = "emqx" // requests to the management API: the node status, and whether new clients may come
)

var probes = []Probe{ProbeNone, ProbeTCP, ProbeMQTT, ProbeHTTP, ProbeEMQX}

// An MQTTVersion is a version of MQTT.
type MQTTVersion string

// The versions.
const (
	MQTT31  MQTTVersion = "3.1"
	MQTT311 MQTTVersion = "3.1.1"
	MQTT5   MQTTVersion = "5"
)

var (
	mqttVersions   = []MQTTVersion{MQTT311, MQTT5}         // that the mqtt probe can speak
	clientVersions = []MQTTVersion{MQTT31, MQTT311, MQTT5} // of clients
)

// methods are the methods of the http probe, which must not change anything.
var methods = []string{"GET", "HEAD"}

// AdminPublic says what the admin server shows without a token on an address that is not
// loopback.
type AdminPublic string

// The values of admin.public.
const (
	PublicOff     AdminPublic = "off"
	PublicMetrics AdminPublic = "metrics" // /healthz, /readyz and /metrics
)

var adminPublic = []AdminPublic{PublicOff, PublicMetrics}

// A LogLevel is the level of the least important line that is written. log/slog's
// Level.UnmarshalText accepts each of them.
type LogLevel string

// The log levels.
const (
	LevelDebug LogLevel = "debug"
	LevelInfo  LogLevel = "info"
	LevelWarn  LogLevel = "warn"
	LevelError LogLevel = "error"
)

var logLevels = []LogLevel{LevelDebug, LevelInfo, LevelWarn, LevelError}

// A LogFormat is the format of a line.
type LogFormat string

// The log formats.
const (
	FormatText LogFormat = "text"
	FormatJSON LogFormat = "json"
)

var logFormats = []LogFormat{FormatText, FormatJSON}

// A LogField is a field of the line of a session.
type LogField string

// logFields are all fields; package proxy has their values. The default line is in
// defaults.go.
var logFields = []LogField{
	"listener",
	"client",
	"client_id",
	"username",
	"session",
	"version",
	"protocol",
	"tls",
	"tls_cipher",
	"tls_resumed",
	"sni",
	"tls_cn",
	"pool",
	"node",
	"received",
	"sent",
	"packets_received",
	"packets_sent",
	"duration",
	"outcome",
	"connack",
	"disconnect",
	"rule",
	"tolerated",
	"certificate",
	"path",
	"status",
	"error",
}

// RemovedNodes says what happens to the sessions of nodes that a reload removes from
// their pool.
type RemovedNodes string

// The values of removed_nodes.
const (
	DrainRemoved RemovedNodes = "drain" // sessions leave, drain_rate a second
	KeepRemoved  RemovedNodes = "keep"  // sessions stay until they end
)

var removedNodes = []RemovedNodes{DrainRemoved, KeepRemoved}

// Silence says what happens to a client whose node does not answer the CONNECT in time.
type Silence string

// The values of silence.
const (
	SilenceWait  Silence = "wait"  // the session ends
	SilenceRetry Silence = "retry" // the client goes on to the next candidate
)

var silences = []Silence{SilenceWait, SilenceRetry}

// Takeover says what happens to the session of a client that has connected again, to another node.
type Takeover string

// The values of takeover.
const (
	TakeoverOff   Takeover = "off"   // it goes on
	TakeoverLocal Takeover = "local" // this process ends it
)

var takeovers = []Takeover{TakeoverOff, TakeoverLocal}

// WhenDown says what happens to the sessions of nodes that the health checks take down.
type WhenDown string

// The values of when_down.
const (
	KeepDown  WhenDown = "keep"  // sessions stay until they end
	CloseDown WhenDown = "close" // sessions leave, drain_rate a second
)

var whenDown = []WhenDown{KeepDown, CloseDown}
