package proxy

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/rate"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// clientIDs holds off the clients that begin one session after another: a device that crashes each time, or two
// that share an identifier and take each other's session over. A session counts once its node has accepted it. So
// no shortage makes a client flap, however often it tries, and a storm of all clients counts once for each.
//
// A client is its identifier together with its credentials; see identity. Whoever knows only the identifier of
// another client is counted apart, and cannot have it held off.
//
// The memory is bounded: each client has a place in one row, and when the row is full, the client that has begun the
// fewest sessions is forgotten. The hash is seeded, so that nobody can choose clients of one row.
type clientIDs struct {
	seed  maphash.Seed
	holds atomic.Uint64 // times that a client was held off, since the start
	rows  [clientIDRows]clientIDRow
}

type clientIDRow struct {
	mu     sync.Mutex // guards places
	places [clientIDPlaces]clientPace
}

// clientPace is the pace of one client.
type clientPace struct {
	client uint64 // hash; 0: the place is free
	next   int64  // see [rate.Pace.Take], in ns; of a client that is held off, the end of that
	held   bool
}

func newClientIDs() *clientIDs { return &clientIDs{seed: maphash.MakeSeed()} }

// identity returns the hash of a client, or 0 if its CONNECT has no identifier. A password, the data of an
// authentication method or a verified certificate tells clients with the same identifier apart. A client without any
// of these is known by its address in their place: two devices with one identifier flap both.
func (c *clientIDs) identity(connect *mqttparse.Connect, from opening.Client, secure *tlsterm.Info) uint64 {
	if len(connect.ClientID) == 0 {
		return 0
	}
	var h maphash.Hash
	h.SetSeed(c.seed)
	writeCredentials(&h, connect, secure)
	if len(connect.Password) == 0 && len(connect.AuthenticationData) == 0 && (secure == nil || !secure.Verified) {
		maphash.WriteComparable(&h, keyOf(from.Source.Addr()))
	}
	return max(h.Sum64(), 1)
}

// writeCredentials writes the identifier and the credentials of a client to a hash. secure is nil without TLS.
func writeCredentials(h *maphash.Hash, c *mqttparse.Connect, secure *tlsterm.Info) {
	for _, field := range [...][]byte{c.ClientID, c.Username, c.Password, c.AuthenticationMethod, c.AuthenticationData} {
		maphash.WriteComparable(h, len(field))
		_, _ = h.Write(field)
	}
	if secure != nil && secure.Verified {
		maphash.WriteComparable(h, [...]string{secure.Subject, secure.Serial})
	}
}

// isHeld reports whether a client is held off. now is in ns of the loops' clock.
func (c *clientIDs) isHeld(client uint64, limit *clientIDLimit, now int64) bool {
	if limit.hold == 0 || client == 0 {
		return false
	}
	r := &c.rows[client%clientIDRows]
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.places {
		if p := &r.places[i]; p.client == client {
			return p.held && p.next > now
		}
	}
	return false
}

// began counts a session that a node has accepted. The session beyond the limit is the last one for a while.
func (c *clientIDs) began(client uint64, limit *clientIDLimit, now int64) {
	if limit.hold == 0 || client == 0 {
		return
	}
	r := &c.rows[client%clientIDRows]
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.placeLocked(client)
	if p.held {
		if p.next > now {
			return // it was on its way to its node
		}
		*p = clientPace{client: client}
	}
	if p.next, _ = limit.pace.Take(p.next, now); limit.pace.Due(p.next) > now { // the next one would be too early
		p.next, p.held = now+int64(limit.hold), true
		c.holds.Add(1)
	}
}

// placeLocked returns the place of a client, which may be another's until now.
func (r *clientIDRow) placeLocked(client uint64) *clientPace {
	least := &r.places[0]
	for i := range r.places {
		p := &r.places[i]
		if p.client == client {
			return p
		}
		if p.next < least.next { // a client without a session for a while has a time in the past
			least = p
		}
	}
	*least = clientPace{client: client}
	return least
}

// clientIDLimit is the run-time form of a [snapshot.ClientIDLimit].
type clientIDLimit struct {
	pace rate.Pace
	hold time.Duration // 0: no limit
}

func newClientIDLimit(l snapshot.ClientIDLimit) clientIDLimit {
	if l.Sessions == 0 {
		return clientIDLimit{}
	}
	return clientIDLimit{rate.NewPaceWithin(l.Sessions, l.Within), l.Hold}
}
