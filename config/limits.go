package config

import "time"

// Limits of the language, each with its reason. They detect typing errors and hostile
// files.
const (
	// For all files of a configuration together, and for the text from the environment. A
	// configuration of a thousand nodes takes 60 KB, and one rule 80 to 200 bytes.
	maxFileSize = 2 << 20

	// Values in a configuration, counted again through every alias and merge: aliases of
	// aliases turn a few lines into billions of values. A thousand nodes take 4,000, and
	// 10,000 rules 50,000.
	maxValues = 200_000

	// Nobody reads more. The work for an error is larger than for a value.
	maxErrors = 1000

	// One for each node of a large cluster.
	maxIncluded = 1000

	// ${A:-${B:-c}} is two deep; each level copies its text once more.
	maxDefaults = 10

	// maxConnections is more sessions than the ports, descriptors and memory of one machine
	// allow, and maxRate is more events a second than its processors can handle.
	maxConnections = 10_000_000
	maxRate        = 10_000_000

	// HAProxy's largest, so that its weights carry over; the noise of the hash is larger
	// than a finer share. The same as balancer.MaxWeight.
	maxWeight = 256

	// Below the least, nodes that have their fair share are over it by chance: 10,000 sessions
	// on 10 nodes differ by 3 %. Above the most, the limit is none: a pool of 10 nodes with all
	// its sessions on one has that factor. The same as those of package balancer.
	minMaxLoad = 1.05
	maxMaxLoad = 10

	// Every legal CONNECT with a short identifier fits into 256 bytes. A CONNECT of 3.1.1
	// has at most 328 KB, one of version 5 can be larger; brokers accept 1 MiB (EMQX's
	// default). The maximum is memory that one client can hold.
	minConnectSize = 256
	maxConnectSize = 16 << 20

	// A request line and a Host take some hundred bytes; no server accepts a header of
	// more than a megabyte (net/http's limit).
	minHeaderSize = 1 << 10
	maxHeaderSize = 1 << 20

	// No useful request is smaller. Larger ones than the maximum need no limit at all.
	minRequestSize = 1 << 10
	maxRequestSize = 1 << 30

	// One TLS handshake takes 50 KB, and one CONNECT as much as maxConnectSize.
	minOpeningMemory = 1 << 20
	maxOpeningMemory = 64 << 30

	// In per cent: all places for one listener are none for the others.
	maxReserve = 100
	// With more listeners than these none has the reserve by default: it would take half of all places.
	maxReserving = 50

	// Linux has at least some 2 KiB, and a segment has 64 KiB on loopback; a path of 10 Gbit/s and 50 ms
	// has 64 MB.
	minSocketBuffer = 16 << 10
	maxSocketBuffer = 64 << 20

	// A set of nodes that is larger than that of any cluster is an error of its source, and each node is probed.
	maxDiscovered = 1000

	// Routes that name an identifier, a user name, a network or an SNI are found at once; requests are compared with all.
	maxRoutes = 1000

	// A pattern of a client identifier, a user name or a name in a certificate: those in use are shorter.
	maxPattern = 1024

	// Of one regular expression: its length in bytes, and the instructions of its program, which a client makes an
	// event loop run once for each byte. Names in use take some 50, and 256 bytes without repetitions no more than these.
	maxRegex   = 256
	maxProgram = 300

	// All rules of a file are checked again at each reload, and each has a counter.
	maxRules = 20_000

	// Regular expressions of the rules that a client of one listener meets, and the instructions of all their programs:
	// each of them is tried on the client, by its event loop. On match.MaxText bytes these instructions take 6 ms at the
	// worst, at 25 ns for one on a byte; usual expressions take a tenth of that or less.
	maxExpressions = 100
	maxPrograms    = 1000

	// The source addresses of a pool: 256 of them have 7 million ports for each address of a node; no machine has
	// room for as many sessions.
	maxSources = 256

	// For the name of a header or a cookie: longer ones do not occur.
	maxToken = 100

	// For the name of a protocol in ALPN: its length is one byte (RFC 7301, 3.1).
	maxProtocolName = 255

	// Final responses: another response follows a 1xx (RFC 9110, 15.2).
	minStatus = 200
	maxStatus = 599

	maxPort = 65535

	// A smaller log file holds less than the last second of a storm; a larger one does not
	// fit onto the disk of a balancer.
	minLogSize = 64 << 10
	maxLogSize = 1 << 40

	// Each look for old log files reads all names.
	maxLogFiles = 10_000

	// One attempt is no retry. A client that a hundred nodes have turned away finds none.
	maxAttempts = 100

	// The client identifier of a probe: brokers often allow less than the 65,535 bytes of MQTT.
	maxClientID = 256

	// A UTF-8 Encoded String of MQTT (MQTT 5, 1.5.4).
	maxUsername = 65535

	// Refusals that lead to a ban: the memory of more is hardly a ban.
	maxRefusals = 10_000

	// A pool that needs more than a hundred probes in a row has no health checks.
	maxInARow = 100
)

// Ranges of durations. A loaded machine can still keep the minimum.
const (
	minTimeout    = 10 * time.Millisecond
	maxTimeout    = time.Hour              // for one step before the relay
	minInterval   = 100 * time.Millisecond // probes more often are a load
	maxInterval   = time.Hour
	minIdle       = time.Second        // the unit of Keep Alive
	maxIdle       = 7 * 24 * time.Hour // the largest Keep Alive is 18 hours
	minSlowStart  = time.Second        // a shorter ramp is over before its first clients are there
	maxSlowStart  = time.Hour          // caches are warm within minutes
	minQueueTime  = 100 * time.Millisecond
	maxQueueTime  = time.Hour // no client waits so long
	minKeepAlive  = time.Second
	maxKeepAlive  = 24 * time.Hour     // MQTT allows 65,535 s; only no Keep Alive at all is more
	maxTunnel     = 7 * 24 * time.Hour // like maxIdle, for HTTP
	minBan        = time.Second        // a shorter ban is over before the client comes back
	maxBan        = 7 * 24 * time.Hour // an address belongs to somebody else next week
	minBanWithin  = time.Second
	maxBanWithin  = time.Hour
	minWrite      = time.Second    // one or two lost segments take so long
	maxWrite      = 24 * time.Hour // it holds memory, for one session
	maxHalfClosed = 24 * time.Hour // it holds two descriptors for one direction
	maxLameDuck   = time.Hour      // load balancers notice within minutes
	maxShutdown   = 24 * time.Hour
	day           = 24 * time.Hour // the unit of the age of log files
	maxLogAge     = 3650 * day
)
