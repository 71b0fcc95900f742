package proxy

import "time"

const (
	// scratchSize is the size of a loop's only read buffer. A large one decides
	// bulk throughput: 128 KiB does what HAProxy needs tune.bufsize 131072 per
	// connection for.
	scratchSize = 128 << 10

	// cipherSize is the size of a loop's buffer for what clients of TLS send.
	cipherSize = 64 << 10

	// headroom is kept free before the client's first bytes in the scratch
	// buffer, so that the PROXY header can be put in front of them without a
	// copy. A v1 header has at most 107 bytes, a v2 header of ours less than 500.
	headroom = 512

	// acceptBatch bounds the connections taken from one listener in one turn, so
	// that a reconnect storm does not starve the sessions that are there.
	acceptBatch = 64

	// rawWait is how long a loop waits for events without telling Go's
	// scheduler, in ms. It is below the 10 ms after which that takes a processor away,
	// and above the kernel's tick of 4 ms: a wait that ends before that sets the
	// hardware's timer twice, which was 3 % of a round trip of 20 connections.
	rawWait = 8

	// standstill is how late a turn must begin for the loop to have stood still. A
	// turn of 256 events takes some 10 ms.
	standstill = 200 * time.Millisecond

	// readsPerTurn bounds the scratch buffers that one direction of one session
	// may move in one turn, for the same reason.
	readsPerTurn = 4

	// backlog is the listen backlog asked for; the kernel caps it at
	// net.core.somaxconn.
	backlog = 65535

	// deferAccept is TCP_DEFER_ACCEPT in seconds: accept returns with the
	// CONNECT already there, which saves a wake-up for each connection. A client
	// that stays silent is handed over after this time and then has
	// connect_packet.
	deferAccept = 1

	// keepAliveIdle, keepAliveInterval and keepAliveCount are TCP's keepalive
	// on client connections, in seconds, and on those to nodes of sessions without
	// an idle limit: for peers that are gone without a word.
	keepAliveIdle     = 300
	keepAliveInterval = 30
	keepAliveCount    = 4

	// stopBatches bounds the connections that are still taken after the stop, in
	// batches: those that waited in the kernel's queue, but not all that arrive.
	stopBatches = 64

	// refusalHeadroom is how many sessions beyond max_connections are taken in
	// to be told so in MQTT. Past them a connection is closed at once.
	refusalHeadroom = 256

	// addressHeadroom is the same for the connections of one address beyond its own
	// limits. A gateway whose devices are to hear why has some of them waiting for an
	// answer at a time; who is deaf to it holds no more than this.
	addressHeadroom = 16

	// addressShards is how many parts the table of addresses has, each with a lock
	// of its own: many more than loops, so that two seldom meet.
	addressShards = 64

	// addressesResting bounds the addresses that a shard remembers although they have
	// no connection, for each of two seconds. In all that is 131,072 and some 7 MB,
	// more than can come and go in that time.
	addressesResting = 1024

	// lingerTime and lingerBytes bound what is read and thrown away after a
	// refusal. Closing with unread bytes would send RST, and the refusal could
	// be lost with it.
	lingerTime  = 2 * time.Second
	lingerBytes = 1 << 20

	// walkPause bounds the pause before a session tries its nodes once more, of which it
	// takes a random part, and no more than timeouts.dial. It spreads what came together.
	walkPause = time.Second

	// connackTime is how long a node may take for its CONNACK. It is generous: a
	// broker may ask others whether the client may come, and clients have limits
	// of their own. It ends the sessions of clients that have none.
	connackTime = time.Minute

	// loggedID is how much of a client identifier is kept for the log, in bytes:
	// it may have 65,535, and a session is kept for days.
	loggedID = 256

	// loggedStatus is how much of net/http's own answer to a request is looked at
	// for its status line, in bytes.
	loggedStatus = 128

	// openingsKept bounds the free openings that a loop keeps for reuse.
	openingsKept = 256

	// keepAliveGrace is added to one and a half times the keep alive: the broker
	// should be the first to notice [MQTT-3.1.2-22], and it knows more.
	keepAliveGrace = 5 * time.Second

	// maxProxyHeader bounds a client-side PROXY header in bytes: 16 of fixed
	// part, 36 of addresses, and TLVs as generous as any sender's.
	maxProxyHeader = 4096

	// Accepting pauses this long when descriptors or memory run out, doubling
	// from the first to the last, as in net/http.
	acceptBackoffMin = 5 * time.Millisecond
	acceptBackoffMax = time.Second

	// nodeHandshakes is how many sessions shake hands with a node at once; the others
	// wait, within timeouts.dial. Each holds some 50 KB and a third descriptor until it
	// is over. At a round trip of 10 ms they are some 10,000 a second.
	nodeHandshakes = 128

	// framedConnect is how many times limits.max_connect_size the WebSocket frames
	// that hold a CONNECT may take. One byte in each frame would be seven.
	framedConnect = 8

	// maxAnswer bounds what is looked through for a CONNACK, in bytes. A longer one is
	// forwarded unread.
	maxAnswer = scratchSize / 2

	// maxClientHello bounds the first message of TLS that is passed on, in bytes.
	maxClientHello = 64 << 10

	// maxInline bounds the request for an upgrade to WebSocket that a loop reads itself, in
	// bytes: the worst of this size takes it 76 µs. A longer one is net/http's to read.
	maxInline = 4096

	// maxUpgradeResponse bounds the header of a node's answer to an upgrade, in bytes.
	maxUpgradeResponse = 16 << 10

	// journalSize is how many ended sessions may wait for the log's writer. Past
	// it lines are dropped and counted: a slow log must not slow the loop.
	journalSize = 4096
)
