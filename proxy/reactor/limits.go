package reactor

import "time"

const (
	// AcceptBatch bounds the connections accepted from one listening socket in one turn, so that a
	// reconnect storm does not starve the open sessions.
	AcceptBatch = 64

	// stopBatches bounds the batches of connections accepted at the stop. They are for the connections
	// in the kernel's queue and not for all that still arrive.
	stopBatches = 64

	// After descriptors or memory have run out, accepting pauses for acceptBackoffMin, and twice as
	// long after each further failure up to acceptBackoffMax, as in net/http.
	acceptBackoffMin = 5 * time.Millisecond
	acceptBackoffMax = time.Second

	// eventsPerTurn bounds the events that one wait returns.
	eventsPerTurn = 256

	// rawWait is how long a loop waits for events without telling Go's scheduler, in ms. It is below
	// 10 ms, after which the scheduler takes a processor away. It is above the kernel's tick of 4 ms,
	// since a wait that ends within a tick sets the hardware's timer twice, which cost 3 % of a round
	// trip of 20 connections.
	rawWait = 8

	// standstill is how late a turn must begin to count as a standstill of the loop. A turn of 256
	// events takes some 10 ms.
	standstill = 200 * time.Millisecond

	// backlog is the listen backlog that is requested. The kernel caps it at net.core.somaxconn.
	backlog = 65535

	// deferAccept is TCP_DEFER_ACCEPT in seconds. The kernel reports a connection when the CONNECT is
	// there, which saves a wake-up for each connection. A silent client is reported after this time.
	deferAccept = 1

	// keepAliveIdle, keepAliveInterval and keepAliveCount configure TCP's keepalive for peers that are
	// gone without a FIN. The first two are in seconds.
	keepAliveIdle     = 300
	keepAliveInterval = 30
	keepAliveCount    = 4
)
