package reactor

import "time"

const (
	// AcceptBatch bounds the connections taken from one listening socket in one turn,
	// so that a reconnect storm does not starve the sessions that are there.
	AcceptBatch = 64

	// stopBatches bounds the connections that are still taken after the stop, in
	// batches: those that waited in the kernel's queue, but not all that arrive.
	stopBatches = 64

	// Accepting pauses this long when descriptors or memory run out, doubling
	// from the first to the last, as in net/http.
	acceptBackoffMin = 5 * time.Millisecond
	acceptBackoffMax = time.Second

	// eventsPerTurn is how many events one wait returns at most.
	eventsPerTurn = 256

	// rawWait is how long a loop waits for events without telling Go's
	// scheduler, in ms. It is below the 10 ms after which that takes a processor away,
	// and above the kernel's tick of 4 ms: a wait that ends before that sets the
	// hardware's timer twice, which was 3 % of a round trip of 20 connections.
	rawWait = 8

	// standstill is how late a turn must begin for the loop to have stood still. A
	// turn of 256 events takes some 10 ms.
	standstill = 200 * time.Millisecond

	// backlog is the listen backlog asked for; the kernel caps it at
	// net.core.somaxconn.
	backlog = 65535

	// deferAccept is TCP_DEFER_ACCEPT in seconds: accept returns with the
	// CONNECT already there, which saves a wake-up for each connection. A client
	// that stays silent is handed over after this time.
	deferAccept = 1

	// keepAliveIdle, keepAliveInterval and keepAliveCount are TCP's keepalive, in
	// seconds, for peers that are gone without a word.
	keepAliveIdle     = 300
	keepAliveInterval = 30
	keepAliveCount    = 4
)
