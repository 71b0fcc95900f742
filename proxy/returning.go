package proxy

import (
	"hash/maphash"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/tlsterm"
)

// A node may lead back to this process in ways that no address shows: through DNAT, or through another
// balancer. Then a CONNECT comes back again and again, each time as a new session that waits for its
// CONNACK. A client has one or two such sessions at a time. The one that is too many is refused, and the
// sessions before it pass the refusal on, one after the other, to the first one, which tries other nodes.
//
// A CONNECT that comes back has the same credentials. Sessions with an identifier and other credentials are
// counted apart: otherwise one who knows no more than the identifier of a client could keep it out.

const (
	// mostReturns is how many sessions of one client may wait for their CONNACK at a time. It is
	// more than a fleet has whose devices share an identifier by mistake and come at once, mostly.
	mostReturns = 64

	// returnSlots is the number of counters. Clients share them by hash: of 200,000 sessions that wait
	// for their CONNACK at once, 3 have the same counter, and practically never 64.
	returnSlots = 1 << 16

	// returned is the bit of a counter whose client has come back too often.
	returned = 1 << 30

	returnsInterval = int64(time.Minute) // between two lines of the log
)

// returns counts the sessions that wait for their CONNACK, by client identifier and credentials.
type returns struct {
	seed  maphash.Seed
	slots [returnSlots]atomic.Int32
	said  atomic.Int64 // when the last line was written, in ns of the loops' clock
}

func newReturns() *returns {
	r := &returns{seed: maphash.MakeSeed()}
	r.said.Store(math.MinInt64 / 2)
	return r
}

// slotOf returns the counter of the clients with this CONNECT and TLS, or nil if the CONNECT has no identifier:
// such clients are told apart by nothing. secure is nil without TLS.
func (r *returns) slotOf(c *mqttparse.Connect, secure *tlsterm.Info) *atomic.Int32 {
	if len(c.ClientID) == 0 {
		return nil
	}
	var h maphash.Hash
	h.SetSeed(r.seed)
	for _, field := range [...][]byte{c.ClientID, c.Username, c.Password, c.AuthenticationMethod, c.AuthenticationData} {
		maphash.WriteComparable(&h, len(field))
		_, _ = h.Write(field)
	}
	if secure != nil && secure.Verified {
		maphash.WriteComparable(&h, [...]string{secure.Subject, secure.Serial})
	}
	return &r.slots[h.Sum64()%returnSlots]
}

// enterReturns counts a session. It returns false if there are too many of its client.
func enterReturns(slot *atomic.Int32) bool {
	if slot.Add(1)&^returned > mostReturns {
		slot.Or(returned)
		leaveReturns(slot)
		return false
	}
	return true
}

// leaveReturns uncounts a session, and reports whether its client has come back too often and others of it
// still wait. The last one clears that.
func leaveReturns(slot *atomic.Int32) (others bool) {
	if n := slot.Add(-1); n&returned != 0 {
		return n != returned || !slot.CompareAndSwap(returned, 0)
	}
	return false
}

// hasReturned counts a session on its way to a node, and reports whether it is one too many.
func (o *pending) hasReturned() bool {
	if o.sameClient == nil || enterReturns(o.sameClient) {
		o.returns = o.sameClient
		return false
	}
	return true
}

// refuseReturned refuses a session that is one too many, and says so once a minute.
func (l *loop) refuseReturned(s *session) step {
	o, r := s.pending, l.server.returns
	o.fault = "the client identifier waits for its CONNACK too often: a node leads back to this process, or many clients share it"
	if said, now := r.said.Load(), l.Now(); now-said >= returnsInterval && r.said.CompareAndSwap(said, now) {
		node := ""
		candidates := o.pool.Candidates(balancer.Client{Key: o.key, Keyed: o.keyed, Persistent: s.persistent})
		if n := candidates.Next(); n != nil {
			node = n.Name
		}
		l.server.log.Warn("a client comes back again and again before it has its CONNACK: its node leads back to this process, or many clients share its identifier",
			slog.String("listener", s.listener.Name), slog.String("pool", o.pool.Name), slog.String("node", node),
			slog.String("client", s.source.addrPort().String()), slog.String("client_id", s.clientID()), slog.String("setting", "pools[].nodes[].address"))
	}
	return l.refuse(s, opening.Refusal{Outcome: outcome.NodeBusy, Code: noCandidate(outcome.NodeBusy).Code})
}

// passesReturn uncounts a session whose node has refused it, and reports whether the refusal is of a later return
// of the same CONNECT: then it is for the session before this one.
func (o *pending) passesReturn() bool {
	if o.returns == nil || o.returns.Load()&returned == 0 {
		return false
	}
	others := leaveReturns(o.returns)
	o.returns = nil
	return others
}

// endReturn uncounts a session that does not wait for its CONNACK any more. It may be called twice.
func (o *pending) endReturn() {
	if o.returns != nil {
		leaveReturns(o.returns)
		o.returns = nil
	}
}
