package admin

import (
	"context"
	"net/http"
	"time"

	"mqttlb/proxy"
)

// Limits of the server. They hold whatever clients do, with a token or without.
const (
	// requestTime limits the time to read a request, then the wait for its turn, and then
	// the writing of its answer.
	requestTime = 10 * time.Second
	// idleTime is how long a connection may wait for its next request. Prometheus scrapes
	// every 15 to 60 s.
	idleTime = 90 * time.Second
	// endTime limits the requests in progress when the server ends.
	endTime = time.Second
	// maxHeader limits a request's header, in bytes; ours need some lines.
	maxHeader = 8 << 10
	// maxBody limits a request's body, in bytes. The longest has a file path.
	maxBody = 64 << 10

	// maxOverSocket and maxOverAddress are the connections open at the same time.
	// They are more than the requests that may be in progress, so that there is always
	// one that waits and can be closed for a new one.
	// With a low descriptor limit they are fewer; see overSocketAndAddress.
	maxOverSocket  = 32
	maxOverAddress = proxy.AdminDescriptors - maxOverSocket
	// evictionPause comes after evictionsAtOnce connections that are accepted in place of
	// others. A flood then takes about a third of a processor, and a new connection has
	// 32 ms or more to send a part of its request. Scrapers wait in the kernel's queue of
	// 4,096 for about 2 s.
	evictionPause   = time.Millisecond
	evictionsAtOnce = 2
	// firstByteTime is how long a new connection counts like one that has sent a part of
	// its request. Otherwise it would be closed for the next one at once in a flood.
	firstByteTime = 50 * time.Millisecond

	// Requests of one entry in progress at the same time.
	maxReads   = 4
	maxChanges = 4
	maxStreams = 16

	// streamTime ends a stream of events: clients connect again. heartbeat is the time
	// between two signs of life; proxies close silent connections after a minute.
	streamTime = time.Hour
	heartbeat  = 15 * time.Second
	// eventsKept is how many events may wait for a slow client.
	eventsKept = 256

	// maxProfile is the longest CPU profile or trace, in seconds.
	maxProfile = 300

	// Wrong tokens: wrongBurst of one address are compared at once, then one a second.
	// trustTime is how long an address has no such limit after the right one. maxAddresses
	// limits the memory of them.
	wrongBurst   = 10
	trustTime    = time.Hour
	maxAddresses = 4096
	// sampleTime is the time between two log lines about wrong tokens, and about failed accepts.
	sampleTime = 10 * time.Second
)

// overSocketAndAddress divides the connections that the server may have open.
func overSocketAndAddress(all int) (socket, address int) {
	socket = all * maxOverSocket / (maxOverSocket + maxOverAddress)
	return socket, all - socket
}

// inProgress returns how many requests and streams may be in progress on so many connections. A scrape, a
// profile, a kick and a connection that can be closed for a new one come on top.
func inProgress(connections int) (reads, changes, streams int) {
	reads, changes = min(maxReads, max(connections/8, 1)), min(maxChanges, max(connections/8, 1))
	return reads, changes, min(maxStreams, max(connections-reads-changes-4, 1))
}

// slots limit what is in progress at the same time.
type slots chan struct{}

func newSlots(n int) slots { return make(slots, n) }

// take waits for a slot, in order of arrival. It fails after requestTime, and when ctx is done.
func (s slots) take(ctx context.Context) error {
	if s.try() {
		return nil
	}
	over, stop := waitTime(requestTime)
	defer stop()
	select {
	case s <- struct{}{}:
		return nil
	case <-over:
		return errorf(http.StatusServiceUnavailable, "the server is busy: %d requests of this kind are in progress, and none has ended within %s", cap(s), requestTime)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try takes a slot if one is free.
func (s slots) try() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

// release gives a slot back.
func (s slots) release() { <-s }
