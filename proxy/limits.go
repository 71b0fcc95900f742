package proxy

import (
	"time"

	"mqttlb/proxy/walk"
)

const (
	// scratchSize is the size of a loop's only read buffer. A large buffer decides bulk throughput:
	// HAProxy needs tune.bufsize 131072 for each connection to do the same.
	scratchSize = 128 << 10

	// cipherSize is the size of a loop's buffer for the ciphertext of TLS clients and nodes.
	cipherSize = 64 << 10

	// headroom is kept free at the start of the scratch buffer, so that the PROXY header can be put
	// before the client's first bytes without a copy. A v1 header has at most 107 bytes, and a v2
	// header of ours fewer than 500.
	headroom = 512

	// readsPerTurn bounds how many scratch buffers one direction of one session may move in one turn,
	// so that the other sessions have their turn.
	readsPerTurn = 4

	// refusalHeadroom is how many connections are kept beyond max_connections so that they can be told
	// why they are refused. Further connections are closed at once.
	refusalHeadroom = 256

	// addressHeadroom is the same for the connections of one address beyond its own limits. A gateway
	// has several refused devices waiting for their answer at the same time. Clients that never read
	// the answer hold no more than this.
	addressHeadroom = 16

	// addressShards is how many shards the table of addresses has, each with its own lock. There are
	// many more shards than loops, so that two loops seldom contend.
	addressShards = 64

	// ownerShards is the same for the table of client identifiers.
	ownerShards = 64

	// addressesResting bounds the addresses without a connection that a shard remembers for each of
	// two seconds. All shards together remember at most 131,072 in some 7 MB, more than can come and
	// go in that time.
	addressesResting = 1024

	// mostBans bounds the addresses that are banned at the same time: some 8 MB.
	mostBans = 1 << 16

	// conductIdle bounds the addresses without an open session whose refusals a shard counts; all shards
	// together count those of 131,072 in some 12 MB. conductLooks is how many entries are looked at to find the one
	// that makes room for another.
	conductIdle  = 2048
	conductLooks = 16

	// bansAlways is how many addresses are banned within bans.within, whatever else happens: a fault of the nodes or
	// of the configuration, which makes good clients look bad, keeps out no more of them. bansAhead is how many accepted
	// sessions, of which each allows for one more, are saved for later.
	bansAlways = 10
	bansAhead  = 100

	// banLinesPerSecond bounds the lines about bans that begin and end, and the events, and bansWithheldInterval is the
	// time between two lines about bans that are not made.
	banLinesPerSecond    = 10
	bansWithheldInterval = time.Minute

	// clientIDRows times clientIDPlaces clients have their paces remembered, in 3 MB. At 5,000 sessions a second a
	// limit of 15 within a minute remembers each client for 4 s: 20,000 places.
	clientIDRows   = 1 << 14
	clientIDPlaces = 8

	// leaveInterval is the time between two batches of sessions that leave at a stop. 100,000 sessions
	// leave in the last 10 s of 30 s in batches of 500, each of which takes a loop some 5 ms.
	leaveInterval = 50 * time.Millisecond

	// drainInterval is the time between two batches of sessions that leave in a drain or a kick;
	// idleDrainInterval is the time until the next look if no session can leave. To find a batch, each
	// loop is asked at most looksPerTick times. Each time it looks at slotsPerLook sessions, which takes
	// some 0.1 ms, and tells leavesPerLook of them to leave, which takes some 0.6 ms. The list of sessions
	// and the other visitors of the table look at as many in a turn: see BenchmarkLook.
	drainInterval     = 50 * time.Millisecond
	idleDrainInterval = 250 * time.Millisecond
	looksPerTick      = 16
	slotsPerLook      = 1024
	leavesPerLook     = 64

	// lookInterval is the time between two looks of a rebalance at all sessions, if no node has come up.
	// A look takes some 0.1 s of processor time for a million sessions.
	lookInterval = time.Minute

	// maxLate and maxCatchUp keep a pace even after a pause of the process: the sessions of so much
	// time leave at once, and with Within the others leave so much faster.
	maxLate    = 2 * drainInterval
	maxCatchUp = 1.1

	// kicksPerSecond is the usual pace of a kick.
	kicksPerSecond = 100

	// sharedTries bounds how often Check compares the counters that loops share, to meet a moment in
	// which no session has an event, and checkPause is the time between two of them.
	sharedTries = 20
	checkPause  = 10 * time.Millisecond

	// faultsListed bounds the faults that Check lists of a loop.
	faultsListed = 100

	// handshakeGrace is how much longer than tls.handshake_timeout the goroutine of a handshake may take to say that
	// the time is over. It ends in time; this is for a machine that does not give it a processor.
	handshakeGrace = time.Second

	// lingerBytes and waits.linger bound the bytes that are read and thrown away after a refusal, and
	// the time for them. Closing with unread bytes would send RST, which can destroy the refusal.
	lingerBytes = 1 << 20

	// loggedID is how many bytes of a client identifier, and of a user name, are kept for the log and
	// the list of sessions. Each may have 65,535 bytes, and a session lives for days.
	loggedID = 256

	// loggedStatus is how many bytes of an answer by net/http are searched for its status line.
	loggedStatus = 128

	// openingsKept bounds the free pending structs that a loop keeps for reuse.
	openingsKept = 256

	// keepAliveGrace is added to one and a half times the keep alive. The broker should be the first
	// to notice a silent client [MQTT-3.1.2-22], since it knows more about the session.
	keepAliveGrace = 5 * time.Second

	// maxAnswer bounds the bytes that are searched for a CONNACK. One that is longer is forwarded unread.
	maxAnswer = scratchSize / 2

	// openingSize, openingSocket, queuedHandshake, handshakeMemory and requestMemory are the bytes that an
	// opening counts for in limits.opening_memory: openingSize for its struct, openingSocket for what the
	// kernel has for its socket, so that many silent connections of one address weigh more than a few large
	// CONNECTs of another, queuedHandshake for the goroutine of a handshake while it waits at the gate,
	// handshakeMemory for that goroutine and all that crypto/tls holds from the ServerHello until the
	// handshake is over, and requestMemory for the goroutines and buffers of net/http that read a request.
	openingSize     = 512
	openingSocket   = 4 << 10
	queuedHandshake = 4 << 10
	handshakeMemory = 50 << 10
	requestMemory   = 20 << 10

	// earlyBytes bounds the bytes that a client sends before its CONNACK and that are kept, so that
	// another node can get them: SUBSCRIBEs, and PUBLISHes of a device that does not wait. A client that
	// sends more stays with its node, however that answers.
	earlyBytes = 64 << 10

	// smallBytes is how many kept bytes of a client are not counted in limits.opening_memory, and how
	// large a buffer for them may be to be used again. Nearly all CONNECTs are smaller.
	smallBytes = 1 << 10

	// maxUpgradeResponse bounds the bytes of the header in a node's answer to an upgrade.
	maxUpgradeResponse = 16 << 10

	// journalSize is how many ended sessions may wait for the goroutine that writes the log. Further
	// lines are dropped and counted: a slow log must not slow the loop.
	journalSize = 4096

	// judgeInterval is how often it is decided which nodes are outliers.
	judgeInterval = time.Second

	// sampleInterval is the time between two log lines about accepts that failed.
	sampleInterval = 10 * time.Second

	// leftOutInterval is how often the log says how many lines are missing in it.
	leftOutInterval = time.Minute

	// loggedPath and loggedName are how many bytes of a request's path, and of its method or host, are
	// kept for the log.
	loggedPath = 256
	loggedName = 100
)

// waits are limits of time that the configuration does not set. Each server has its own, so that tests
// can shorten them.
type waits struct {
	// boundary is how long a leaving session waits for the rest of the packet that its node has begun.
	// After it the client gets no MQTT goodbye.
	boundary time.Duration

	// linger is how long a session lingers after its goodbye or refusal, and how long a rejected HTTP
	// request may go on after its answer.
	linger time.Duration

	// walkPause bounds the pause before a session tries its nodes once more. timeouts.dial bounds it,
	// too.
	walkPause time.Duration

	// refusal bounds the time after which a client is told that all nodes are full or busy; the time is
	// a random part of it; 0: at once. Clients that are refused at the same moment come back at the same moment.
	refusal time.Duration

	// settle is how long a node must have been up before a rebalance brings sessions back: two more
	// probes, usually. A node that flaps gets none.
	settle time.Duration

	// again is the least age of a session that returns although its home was ready when it came. It
	// bounds how often a home that refuses a client costs it a connection.
	again time.Duration

	// silence is how long a node must have been silent after it got a CONNECT, so that a client which leaves
	// then counts against it. A good node answers within milliseconds, so nobody can fake this at one.
	silence time.Duration

	// patientClose is the least time after which a close looks like the end of a node's patience: EMQX waits
	// 3 s for a PROXY header.
	patientClose time.Duration

	// portRelease is how long a port without a listener still accepts the connections whose handshake
	// had begun. It is longer than deferAccept of package reactor.
	portRelease time.Duration
}

// usualWaits are the waits of every server outside of tests.
var usualWaits = waits{
	boundary: time.Second, linger: 2 * time.Second, walkPause: walk.Pause, refusal: time.Second,
	settle: 10 * time.Second, again: time.Hour, silence: 3 * time.Second,
	patientClose: time.Second, portRelease: 2 * time.Second,
}
