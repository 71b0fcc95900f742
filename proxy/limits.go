package proxy

import (
	"time"

	"mqttlb/proxy/walk"
)

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

	// readsPerTurn bounds the scratch buffers that one direction of one session
	// may move in one turn, for the same reason.
	readsPerTurn = 4

	// refusalHeadroom is how many connections are kept beyond max_connections to be
	// told why they are refused. Past them a refused connection is closed at once.
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

	// leaveInterval is the time between two parts of the sessions that leave at a stop: 100,000
	// sessions in the last 10 s of 30 leave by 500, which takes a loop some 5 ms.
	leaveInterval = 50 * time.Millisecond

	// drainInterval is the time between two parts of the sessions that leave a node. A part is
	// found in looksPerTick looks of each loop at most, of slotsPerLook sessions each, some 20 µs.
	drainInterval = 50 * time.Millisecond
	looksPerTick  = 16
	slotsPerLook  = 1024

	// lingerBytes and waits.linger bound what is read and thrown away after a
	// refusal. Closing with unread bytes would send RST, and the refusal could
	// be lost with it.
	lingerBytes = 1 << 20

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

	// maxAnswer bounds what is looked through for a CONNACK, in bytes. A longer one is
	// forwarded unread.
	maxAnswer = scratchSize / 2

	// openingSize, queuedHandshake and handshakeMemory are what openings count for in limits.opening_memory, in bytes: each
	// for its struct, and a handshake for its goroutine while it waits at the gate, or for that and all that crypto/tls
	// keeps from the ServerHello until it is over.
	openingSize     = 512
	queuedHandshake = 4 << 10
	handshakeMemory = 50 << 10

	// maxUpgradeResponse bounds the header of a node's answer to an upgrade, in bytes.
	maxUpgradeResponse = 16 << 10

	// journalSize is how many ended sessions may wait for the log's writer. Past
	// it lines are dropped and counted: a slow log must not slow the loop.
	journalSize = 4096
)

// waits are the times that a session waits for at most and that are no settings of the
// configuration. They belong to a server so that a test's can wait for less.
type waits struct {
	// boundary is how long a session that leaves waits for the rest of the packet that its
	// node has begun. Past it nothing is said in MQTT.
	boundary time.Duration

	// linger is how long a session lingers after its goodbye or its refusal, and a
	// request that is not served after its answer.
	linger time.Duration

	// walkPause bounds the pause before a session tries its nodes once more, as
	// timeouts.dial does.
	walkPause time.Duration

	// connack is how long a node may take for its CONNACK. It is generous: a
	// broker may ask others whether the client may come, and clients have limits
	// of their own. It ends the sessions of clients that have none.
	connack time.Duration

	// portRelease is how long the connections that are being made to an address may take when no
	// listener has it any more. It is longer than deferAccept of package reactor.
	portRelease time.Duration
}

// usualWaits are those of every server but some of tests.
var usualWaits = waits{boundary: time.Second, linger: 2 * time.Second, walkPause: walk.Pause, connack: time.Minute, portRelease: 2 * time.Second}
