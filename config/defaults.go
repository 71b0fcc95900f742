package config

import "time"

// Every default, with its reason; those that depend on another setting are in
// complete.go. docs/configuration.md shows them to users, and a test holds it
// to these.

// defaultConfig is what a file starts from.
var defaultConfig = Config{
	Limits: Limits{
		// Twice this many descriptors: within the hard limits that
		// distributions and container runtimes set (524,288 and 1,048,576).
		MaxConnections: 50_000,
		// 50,000 clients are back 10 s after a broker died, and a node of
		// average size is not buried by them.
		ConnectRate: 5000,
		// All devices of a mobile network, a plant or a gateway may share one address,
		// and all clients do behind a proxy that does not name them: whoever has none
		// of them sets these.
		MaxConnectionsPerAddress: 0,
		ConnectRatePerAddress:    0,
		// Four times what HAProxy can hold; a client identifier may have
		// 64 KiB by the specification, none in the field comes near.
		MaxConnectSize: 64 << 10,
		// HAProxy's. The cookies of one site come to a few kilobytes; brokers
		// refuse more than 8 KiB or so themselves.
		MaxHeaderSize: 16 << 10,
		// The largest that a dashboard sends is a plug-in or a backup of some
		// megabytes. Nothing of it is kept here: the limit is for the node.
		MaxRequestSize: 100 << 20,
		// 2,600 TLS handshakes that wait for their clients: as many as there are at
		// 10,000 a second over a round trip of 260 ms. Or 2,000 of the largest CONNECTs.
		OpeningMemory: 128 << 20,
		// The MinRate of Apache's mod_reqtimeout: below GPRS, above what drips.
		MinBodyRate: 500,
	},
	Timeouts: Timeouts{
		// EMQX waits 15 s; clients on slow cellular links need several.
		ConnectPacket: 10 * time.Second,
		// Three SYNs (at 0, 1 and 3 s) and the time for an answer.
		Dial: 5 * time.Second,
		// Each client says how long it may be silent; no number of ours is better.
		Idle: 0,
		// A dashboard's slowest questions; nginx has the same. Long polls and streams
		// begin with a header, too.
		Response: 60 * time.Second,
		// Between the clicks of somebody who reads.
		KeepAlive: 60 * time.Second,
		// That of Apache's mod_reqtimeout (body=20,MinRate=500).
		RequestBody: 20 * time.Second,
		// The usual timeout tunnel of HAProxy. A dashboard's WebSocket says something every
		// minute; a long poll ends after some minutes.
		Tunnel: time.Hour,
		// Three lost segments in a row (RFC 6298: 1, 2 and 4 s) and more; whoever reads, however slowly, takes
		// something in that time.
		Write: 20 * time.Second,
		// HAProxy's client-fin in the configuration that EMQX publishes.
		HalfClosed: 30 * time.Second,
		// Kubernetes kills a container 30 s after its SIGTERM.
		Shutdown: 30 * time.Second,
	},
	// Loopback: it shows identifiers and addresses of clients, and asks nobody who he is.
	// The socket's place is that of the system's runtime directory, which cmd looks for.
	// No folder for state: a container may have none that it can write to.
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

// defaultTLS is what the section tls of a listener starts from.
var defaultTLS = TLS{
	// A device is set up with an alias or an address often enough, and checks the
	// certificate itself.
	StrictSNI: false,
	// Older versions are deprecated (RFC 8996), and crypto/tls leaves them off.
	MinVersion: TLS12,
	MaxVersion: TLS13,
	// Three round trips and a lost segment on a slow cellular link, or the time to
	// get through the queue. EMQX waits 15 s for a handshake alone.
	HandshakeTimeout: 5 * time.Second,
	// More than there are cores gain nothing, and each makes an event loop wait for
	// its turn a little longer: so many with an ECDSA key are some 5 ms of two cores.
	MaxHandshakes: 64,
	// Who waits costs a descriptor and no handshake yet. Two cores with RSA keys
	// get through so many in the 5 s of HandshakeTimeout; who would wait longer
	// had better come again.
	MaxHandshakeQueue: 10_000,
	// The two above keep handshakes to what the machine can do.
	HandshakeRate: 0,
}

// defaultRoute is what an item of routes starts from.
var defaultRoute = Route{
	// It stands on a listener of protocol http.
	Protocol: HTTP,
}

// defaultPool is what an item of pools starts from.
var defaultPool = Pool{
	// Only MQTT listeners use most pools.
	Protocol: MQTT,
	// A persistent session stays on its node, and no replica has to ask another.
	Algorithm: ConsistentHash,
	// A broker that does not expect the header closes the connection at once.
	ProxyProtocol: ProxyOff,
	// Who takes a node out of the file wants to be rid of it, and a broker that is
	// shut down would lose its clients all at once.
	RemovedNodes: DrainRemoved,
	// 10,000 sessions have left after 100 s; the nodes that they come to have
	// no work from 100 new clients a second.
	DrainRate: 100,
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

// defaultNodeTLS is what the section tls of a pool starts from.
var defaultNodeTLS = NodeTLS{
	// Without it TLS keeps out nobody who can stand in a node's place.
	Verify: true,
}

// defaultNode is what an item of nodes starts from.
var defaultNode = Node{
	// Equal shares.
	Weight: 1,
	// Brokers have limits of their own and refuse in MQTT.
	MaxConnections: 0,
}
