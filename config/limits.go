package config

import "time"

// Limits of the language, each with its reason. They catch slips of the hand
// and hostile files; inside them every value means what it says.
const (
	// A configuration of a thousand nodes takes 60 KB. So much may have all files
	// of one together, and what it takes from the environment.
	maxFileSize = 1 << 20

	// Values in a configuration, counted again through every alias and merge:
	// aliases of aliases make billions out of a few lines. A thousand nodes take
	// 4,000.
	maxValues = 50_000

	// One for each node of a large cluster.
	maxIncluded = 1000

	// ${A:-${B:-c}} is two deep; each level is another copy of its text.
	maxDefaults = 10

	// More sessions than the ports, descriptors and memory of one machine carry.
	maxConnections = 10_000_000
	maxRate        = 10_000_000

	// HAProxy's largest, so that its weights carry over; a finer share is lost in
	// the noise of the hash. The same as balancer.MaxWeight.
	maxWeight = 256

	// Every legal CONNECT with a short identifier fits into 256 bytes. One of
	// 3.1.1 has at most 328 KB, one of version 5 can be larger; brokers take
	// 1 MiB (EMQX's default). The limit is memory that one client can hold.
	minConnectSize = 256
	maxConnectSize = 16 << 20

	// A request line and a Host take some hundred bytes; servers let nobody send
	// a header of more than a megabyte (net/http's limit).
	minHeaderSize = 1 << 10
	maxHeaderSize = 1 << 20

	// No request worth sending is smaller. What is larger than the most may be
	// had without a limit.
	minRequestSize = 1 << 10
	maxRequestSize = 1 << 30

	// One handshake of TLS takes 50 KB, and one CONNECT as much as maxConnectSize.
	minOpeningMemory = 1 << 20
	maxOpeningMemory = 64 << 30

	// Routes are tried in order for every request.
	maxRoutes = 100

	// Of the name of a header or a cookie: nobody has longer ones.
	maxToken = 100

	// Of the name of a protocol in ALPN: its length is one byte (RFC 7301, 3.1).
	maxProtocolName = 255

	// Final responses: one of 1xx is followed by another (RFC 9110, 15.2).
	minStatus = 200
	maxStatus = 599

	maxPort = 65535

	// More than a hundred probes in a row is a pool without health checks.
	maxInARow = 100
)

// Ranges of durations. The least is what a loaded machine can still keep to.
const (
	minTimeout    = 10 * time.Millisecond
	maxTimeout    = time.Hour              // of one step before the relay
	minInterval   = 100 * time.Millisecond // more often, probes are load
	maxInterval   = time.Hour
	minIdle       = time.Second        // the unit of Keep Alive
	maxIdle       = 7 * 24 * time.Hour // the largest Keep Alive is 18 hours
	maxTunnel     = 7 * 24 * time.Hour // as maxIdle: it is one for HTTP
	minWrite      = time.Second        // a lost segment or two may take so long
	maxWrite      = 24 * time.Hour     // it holds memory, for one session
	maxHalfClosed = 24 * time.Hour     // it holds two descriptors for one direction
	maxShutdown   = 24 * time.Hour
)
