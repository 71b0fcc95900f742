package config

import "time"

// Every default, with its reason. docs/configuration.md shows them to users,
// and a test holds it to these.

// defaultConfig is what a file starts from.
var defaultConfig = Config{
	Limits: Limits{
		// Twice this many descriptors: within the hard limits that
		// distributions and container runtimes set (524,288 and 1,048,576).
		MaxConnections: 50_000,
		// 50,000 clients are back 10 s after a broker died, and a node of
		// average size is not buried by them.
		ConnectRate: 5000,
		// Four times what HAProxy can hold; a client identifier may have
		// 64 KiB by the specification, none in the field comes near.
		MaxConnectSize: 64 << 10,
	},
	Timeouts: Timeouts{
		// EMQX waits 15 s; clients on slow cellular links need several.
		ConnectPacket: 10 * time.Second,
		// Three SYNs (at 0, 1 and 3 s) and the time for an answer.
		Dial: 5 * time.Second,
		// Each client says how long it may be silent; no number of ours is better.
		Idle: 0,
		// HAProxy's client-fin in the configuration that EMQX publishes.
		HalfClosed: 30 * time.Second,
		// Kubernetes kills a container 30 s after its SIGTERM.
		Shutdown: 30 * time.Second,
	},
	// Loopback: it shows identifiers and addresses of clients, and asks nobody who he is.
	Admin: Admin{Address: Address{Network: "tcp", Host: "127.0.0.1", Port: 9090}},
	// A line for each session; people read before machines do.
	Log: Log{Level: LevelInfo, Format: FormatText},
}

// defaultListener is what an item of listeners starts from.
var defaultListener = Listener{
	// It is what the program is for.
	Protocol: MQTT,
	// A header that anybody can write is believed only where it is expected.
	ProxyProtocol: ProxyOff,
	// The limit of the process is the one that memory sets.
	MaxConnections: 0,
}

// defaultPool is what an item of pools starts from.
var defaultPool = Pool{
	// Only MQTT listeners use most pools.
	Protocol: MQTT,
	// A persistent session stays on its node, and no replica has to ask another.
	Algorithm: ConsistentHash,
	// A broker that does not expect the header closes the connection at once.
	ProxyProtocol: ProxyOff,
	Health: Health{
		// It works with every broker and needs no right on it: an mqtt probe is
		// a client that authentication and its logs get to see.
		Probe: ProbeTCP,
		// A dead node is known within Interval * Fall, 15 s, even if no client
		// runs into it first; a probe every 5 s is no load to speak of.
		Interval: 5 * time.Second,
		// One lost SYN (1 s) is forgiven.
		Timeout: 2 * time.Second,
		// One lucky answer of a broker that is starting up is not enough.
		Rise: 2,
		// One or two lost probes on a busy network move no client.
		Fall: 3,
	},
}

// defaultNode is what an item of nodes starts from.
var defaultNode = Node{
	// Equal shares.
	Weight: 1,
	// Brokers have limits of their own and refuse in MQTT.
	MaxConnections: 0,
}

// Defaults that depend on another setting; complete fills them in.
const (
	// EMQX serves this path, and Paho's JavaScript client asks for it.
	defaultPath = "/mqtt"
	// A CA is configured to check clients against it.
	defaultClientAuth = ClientAuthRequire
	// Older versions are deprecated (RFC 8996), and crypto/tls leaves them off.
	defaultMinVersion = TLS12
	// The session in the broker belongs to the client identifier.
	defaultHashKey = KeyClientID
	// Nobody looks for an identifier in what is not MQTT.
	defaultHashKeyOpaque = KeySourceIP
)

// complete fills in the defaults that depend on another setting.
func (c *Config) complete() {
	for i := range c.Listeners {
		l := &c.Listeners[i]
		if l.Path == "" && l.Protocol == WS {
			l.Path = defaultPath
		}
		if l.TLS == nil {
			continue
		}
		if l.TLS.ClientAuth == "" {
			l.TLS.ClientAuth = ClientAuthNone
			if l.TLS.ClientCA != "" {
				l.TLS.ClientAuth = defaultClientAuth
			}
		}
		if l.TLS.MinVersion == "" {
			l.TLS.MinVersion = defaultMinVersion
		}
	}
	for i := range c.Pools {
		p := &c.Pools[i]
		if p.HashKey != "" || p.Algorithm != ConsistentHash {
			continue
		}
		p.HashKey = defaultHashKey
		if !speaksMQTT(p.Protocol) {
			p.HashKey = defaultHashKeyOpaque
		}
	}
}

// speaksMQTT reports whether CONNECT packets travel in the protocol.
func speaksMQTT(p Protocol) bool { return p == MQTT || p == WS }
