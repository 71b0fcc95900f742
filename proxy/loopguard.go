package proxy

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"

	"mqttlb/proxy/outcome"
)

// A node may lead back to this process over an address that is not its own: that of a NAT, or of another
// balancer. A client then comes back without end, each time before it has got its CONNACK. So the process
// counts the clients that wait for a CONNACK by identifier and address, and refuses one that comes too often.

const (
	// mostWaiting is how many clients with one identifier and one address may wait for a CONNACK. A client
	// that does not wait for its answers has two or three.
	mostWaiting = 64

	// waitingSlots is the number of counters. Clients that share one by chance count together: a million
	// that wait at once are 15 in each.
	waitingSlots = 1 << 16

	// loopLogged is the least time between two log lines about loops.
	loopLogged = time.Minute
)

// loopGuard counts the clients that wait for their CONNACK.
type loopGuard struct {
	waiting [waitingSlots]atomic.Int32
	logged  atomic.Int64 // when a loop was logged last, in ns of the loops' clock; 0: never
}

var loopSeed = maphash.MakeSeed()

// guarded is the place of a client in a loopGuard; the zero value is none.
type guarded struct{ count *atomic.Int32 }

// enter counts a client until leave. ok is false if there are too many like it; the client is then not
// counted. Clients without an identifier are not counted.
func (g *loopGuard) enter(id string, from netip.Addr) (c guarded, ok bool) {
	if id == "" {
		return guarded{}, true
	}
	hash := maphash.String(loopSeed, id) ^ maphash.Comparable(loopSeed, from)
	count := &g.waiting[hash%waitingSlots]
	if count.Add(1) > mostWaiting {
		count.Add(-1)
		return guarded{}, false
	}
	return guarded{count}, true
}

// leave uncounts the client. It may be called twice.
func (c *guarded) leave() {
	if c.count != nil {
		c.count.Add(-1)
	}
	c.count = nil
}

// refuseLooping refuses a client that probably came back from a node.
func (l *loop) refuseLooping(s *session, pool string) step {
	g, now := &l.server.loops, l.Now()
	if last := g.logged.Load(); (last == 0 || now-last >= int64(loopLogged)) && g.logged.CompareAndSwap(last, max(now, 1)) {
		l.server.log.Warn("a node of the pool probably leads back to this process: many clients with one identifier and one address wait for their CONNACK",
			"pool", pool, "listener", s.listener.Name, "client", s.source.addrPort().String(), "client_id", s.clientID(), "setting", "pools[].nodes[].address")
	}
	s.pending.fault = fmt.Sprintf("%d clients with this identifier and address wait for their CONNACK: a node probably leads back to this process, see pools[].nodes[].address", mostWaiting)
	return l.refuse(s, noCandidate(outcome.DialFailed))
}
