package config

import "time"

// Every default with its reason, except for those that depend on another setting, which
// are in complete.go. docs/configuration.md shows them to users, and a test compares the
// two.

// defaultConfig holds the defaults of a file.
var defaultConfig = Config{
	Limits: Limits{
		// Needs twice as many descriptors: within the hard limits of distributions and
		// container runtimes (524,288 and 1,048,576).
		MaxConnections: 50_000,
		// 50,000 clients are back 10 s after a broker dies, at a rate that a node of
		// average size can take.
		ConnectRate: 5000,
		// All devices of a mobile network, a plant or a gateway may share one address,
		// and so do all clients behind a proxy that does not send their addresses.
		// Operators without such clients set these.
		MaxConnectionsPerAddress: 0,
		ConnectRatePerAddress:    0,
		// A client that uses one session for each message may begin many. Operators without such
		// clients set 15/1m, the limit of EMQX.
		ConnectRatePerClientID: RateWithin{},
		// As in EMQX.
		ClientIDHold: 5 * time.Minute,
		// Four times as much as HAProxy can hold. The specification allows client
		// identifiers of 64 KiB, but none in use comes near.
		MaxConnectSize: 64 << 10,
		// As in HAProxy. The cookies of one site have a few kilobytes; brokers themselves
		// refuse more than about 8 KiB.
		MaxHeaderSize: 16 << 10,
		// The largest body that a dashboard sends is a plug-in or a backup of some
		// megabytes. The balancer keeps none of it: the limit protects the node.
		MaxRequestSize: 100 << 20,
		// 2,600 TLS handshakes that wait for their clients: as many as there are at
		// 10,000 a second with a round trip of 260 ms. Or 2,000 of the largest CONNECTs.
		OpeningMemory: 128 << 20,
		// Telemetry: a device sends some kilobytes a second, and with this 2.6 MB/s at a round trip of
		// 100 ms. The kernel's own maximum is 4 MB or more for each reader that is too slow: 200 of them
		// have brought a host to net.ipv4.tcp_mem.
		SocketBuffer: 256 << 10,
		// The MinRate of Apache's mod_reqtimeout: slower than GPRS, faster than an
		// attacker who drips bytes.
		MinBodyRate: 500,
	},
	// Only the operator knows which addresses stand for many clients; a wrong ban keeps all of them out.
	Bans: nil,
	Timeouts: Timeouts{
		// EMQX waits 15 s; clients on slow cellular links need several seconds.
		ConnectPacket: 10 * time.Second,
		// Three SYNs (at 0, 1 and 3 s) and the time for an answer.
		Dial: 5 * time.Second,
		// Generous, since a broker may ask other services whether to admit the client. Most clients give
		// up earlier; this ends the sessions of those that never do.
		Connack: time.Minute,
		// Each client announces how long it may be silent; no fixed number is better.
		Idle: 0,
		// For the slowest queries of a dashboard; nginx has the same. Long polls and
		// streams send their header early, too.
		Response: 60 * time.Second,
		// A person reads between two clicks.
		KeepAlive: 60 * time.Second,
		// As in Apache's mod_reqtimeout (body=20,MinRate=500).
		RequestBody: 20 * time.Second,
		// The usual timeout tunnel of HAProxy. A dashboard's WebSocket sends something
		// every minute; a long poll ends after some minutes.
		Tunnel: time.Hour,
		// Three lost segments in a row (RFC 6298: 1, 2 and 4 s) and more. Any client that reads at all,
		// however slowly, makes progress in this time.
		Write: 20 * time.Second,
		// The client-fin of HAProxy in the configuration that EMQX publishes.
		HalfClosed: 30 * time.Second,
		// Without a load balancer that reads /readyz it would only delay the stop.
		LameDuck: 0,
		// Kubernetes kills a container 30 s after its SIGTERM.
		Shutdown: 30 * time.Second,
	},
	Resolver: Resolver{
		// The servers of a site answer in milliseconds, and a name that no cache has takes a second.
		Timeout: 2 * time.Second,
		// A zone that is loaded late or edited wrongly, and a cluster that has no ready pod, are repaired in minutes. To
		// wait costs little: the health checks find the nodes that are gone.
		EmptyGrace: 5 * time.Minute,
	},
	// Loopback, because the server shows client identifiers and addresses without
	// authentication. Whoever opens another address decides what it shows: Public is off.
	// The socket is in the system's runtime directory, which cmd looks for. No folder and no
	// file for state: a container may have no writable one.
	Admin: Admin{Address: Address{Network: "tcp", Host: "127.0.0.1", Port: 9090}, Public: PublicOff},
	Log: Log{
		// One line for each session; people read logs before machines do.
		Level: LevelInfo, Format: FormatText,
		// Where a client came from, where it went, how that ended, and its TLS if it had any.
		Fields: []LogField{
			"listener", "client", "client_id", "version", "node", "received", "sent", "duration", "outcome",
			"connack", "disconnect", "rule", "tolerated", "tls", "tls_cipher", "tls_resumed", "sni", "tls_cn", "certificate", "path", "status", "error",
		},
		// Whoever asks about one client wants its line. Operators with a small disk set it.
		Sample: 0,
		// systemd, Docker and Kubernetes collect it.
		Output: LogStderr,
		Rotate: LogRotate{
			// Some 400,000 sessions; an editor still opens it.
			Size: 100 << 20,
			// With the current file 1.1 GB, which fits onto any server's disk.
			Keep: 10,
			// The number of files limits the space already.
			Age: 0,
			// It takes one core for some seconds, which loops may need.
			Compress: false,
		},
	},
}

// defaultBans holds the defaults of bans that are on.
var defaultBans = Bans{
	// A device with a wrong password tries it every few seconds at most, and a program that guesses passwords
	// many times a second.
	Refusals: 20,
	Within:   time.Minute,
	// As in fail2ban. A program that guesses has 2,900 tries a day.
	Time: 10 * time.Minute,
	// The operator knows who tests the listeners.
	Exempt: nil,
}

// defaultListener holds the defaults of a listener.
var defaultListener = Listener{
	// The purpose of the program.
	Protocol: MQTT,
	// Anybody can write a header, so it is believed only where it is expected.
	ProxyProtocol: ProxyOff,
	// The same is true of X-Forwarded-For.
	ClientAddress: FromConnection,
	// The specification of MQTT wants it [MQTT-6.0.0-3].
	Subprotocol: SubprotocolRequired,
	// Memory is limited by the limit of the process.
	MaxConnections: 0,
	// A packet that two programs may read differently is a way around a check of one of them.
	Validity: Strict,
	// Paho's C client hangs on the second packet of a frame, and one more header costs next to nothing.
	WebSocketPackets: SinglePackets,
	// 500 places of 50,000: room for a while when another listener is flooded, and too few to
	// be missed there.
	Reserve: -1,
}

// defaultTLS holds the defaults of a listener's TLS.
var defaultTLS = TLS{
	// Devices often connect to an alias or an address, and check the certificate
	// themselves.
	StrictSNI: false,
	// A certificate ends so that whoever has stolen its key must stop some day.
	AcceptExpired: false,
	// The key of a device is stolen, its certificate is revoked, and its session could last for months.
	Revoked: CloseRevoked,
	// Older versions are deprecated (RFC 8996), and crypto/tls disables them.
	MinVersion: TLS12,
	MaxVersion: TLS13,
	// As in EMQX. Modems on a slow cellular link, whose microcontroller computes for seconds,
	// need more than ten.
	HandshakeTimeout: 15 * time.Second,
	// More handshakes than cores gain nothing, and each makes an event loop wait a little
	// longer for its turn: 64 with an ECDSA key are some 5 ms of two cores.
	MaxHandshakes: 64,
	// A waiting client costs a descriptor but no handshake yet. Two cores with RSA keys
	// make 10,000 handshakes in 5 s; a client that would wait longer should come back later.
	MaxHandshakeQueue: 10_000,
	// The two limits above keep handshakes within the power of the machine.
	HandshakeRate: 0,
}

// defaultRoute holds the defaults of a route.
var defaultRoute = Route{
	// Most routes are for requests; only listeners of protocol http have a choice.
	Protocol: HTTP,
	// As on a listener.
	Subprotocol: SubprotocolRequired,
	Share:       NoShare,
	// The brokers of one tenant are not to get the clients of another.
	Fallback: false,
}

// defaultRule holds the defaults of a rule.
var defaultRule = Rule{
	// It says the least: neither that the client is known, nor that it should come back.
	Code: CodeNotAuthorized,
}

// defaultPool holds the defaults of a pool.
var defaultPool = Pool{
	// Most pools are only used by MQTT listeners.
	Protocol: MQTT,
	// A persistent session stays on its node, and the replicas need no shared state.
	Algorithm: ConsistentHash,
	// A client's node depends on the client alone, so that its replicas agree on it. With a limit
	// it also depends on the load.
	MaxLoad: 0,
	// It only changes the order of the candidates, and only while other nodes do better.
	Outliers: On,
	// Clients know the path of their broker, and some tell by it what they are.
	Path: PathKeep,
	// A broker that does not expect the header closes the connection at once.
	ProxyProtocol: ProxyOff,
	// The kernel's choice has 28,000 ports for each address of a node, which most nodes never need.
	Source: nil,
	// It needs a capability, and a network whose routes lead the answers of the nodes back here.
	Transparent: false,
	// A broker may take a Common Name for the user, so that an operator must want the name of
	// a proxy to count.
	ForwardTLVs: nil,
	// An operator who removes a node wants its sessions gone, but a sudden end would make
	// all its clients reconnect at once.
	RemovedNodes: DrainRemoved,
	// A probe may be wrong, and a node that is down for a moment keeps its sessions.
	WhenDown: KeepDown,
	// In a cluster the brokers do it, and know the client's subscriptions and messages.
	Takeover: TakeoverOff,
	// 10,000 sessions have left after 100 s; 100 new clients a second are no load for the
	// other nodes.
	DrainRate: 100,
	// A client that one node turns away would come back at once, and the hash would lead it to the same node.
	Confirm: &defaultConfirm,
	// What a broker can take depends on its machine, its authentication and its sessions. The
	// operator knows it, or finds it with mqttbench.
	ConnectRate: 0,
	// Brokers without caches need no ramp.
	SlowStart: 0,
	Queue: Queue{
		// 10,000 CONNECTs and descriptors are some 10 MB, and 50 s of a node that takes 200 a
		// second, so that the time is the limit of most.
		Size: 10_000,
		// Most client libraries wait 30 s or less for a CONNACK. A client that is refused in
		// time knows why, and its next attempt does not take the turn of another.
		Time: 30 * time.Second,
	},
	// A session that is moved costs its client a connection, and it is well where it is.
	Rebalance: 0,
	// Clients that come to a process without a node are refused; another process may have one.
	Readiness: true,
	Health: Health{
		// It works with every broker and needs no permission there: an mqtt probe is a
		// client in the broker's authentication and logs.
		Probe: []Probe{ProbeTCP},
		// A dead node is detected within Interval * Fall, 15 s, even if no client meets
		// it first; a probe every 5 s is hardly a load.
		Interval: 5 * time.Second,
		// One good answer of a starting broker may be luck.
		Rise: 2,
		// One or two lost probes on a busy network move no client.
		Fall: 3,
	},
}

// defaultConfirm holds the defaults of a pool's confirm. It does not change.
var defaultConfirm = Confirm{
	// One node that is evacuated, and one that is full because of it. When more of them refuse, the cluster
	// is overloaded, and each further try costs it a login.
	Attempts: 3,
	// Clients wait 10 to 30 s for their CONNACK; the last node still needs time to answer.
	Time: 10 * time.Second,
	// A silent node may have the session already: a second one would be taken over, and its early messages
	// would be published twice.
	Silence: SilenceWait,
}

// defaultNodeTLS holds the defaults of a pool's TLS.
var defaultNodeTLS = NodeTLS{
	// As for clients.
	MinVersion: TLS12,
	MaxVersion: TLS13,
	// Without it, TLS does not stop an attacker who takes the place of a node.
	Verify: VerifyTrue,
}

// defaultNode holds the defaults of a node.
var defaultNode = Node{
	// Equal shares.
	Weight: 1,
	// Brokers have limits of their own and refuse in MQTT.
	MaxConnections: 0,
	// Nodes of one cluster are used together.
	Priority: 0,
	Backup:   false,
	// Nodes of one size take as many a second.
	ConnectRate: RateOfPool,
}
