package proxy

import (
	"hash/maphash"
	"log/slog"
	"math"
	"net/netip"
	"sync/atomic"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
)

// A node may lead back to this process in ways that no address shows: through DNAT, or through another
// balancer. Then a CONNECT comes back again and again, each time as a new session that waits for its
// CONNACK. A client has one or two such sessions at a time. The one that is too many is refused, and the
// sessions before it pass the refusal on, one after the other, to the first one, which tries other nodes.

const (
	// mostReturns is how many sessions of one client identifier and one address may wait for their CONNACK
	// at a time. It is more than a fleet behind a NAT has whose devices share an identifier by mistake and
	// come at once, mostly. The address counts, because nobody has shown yet that the identifier is theirs:
	// otherwise a stranger whose sessions wait could lock another client out.
	mostReturns = 64

	// returnSlots is the number of counters of a kind. Clients share them by hash: of 200,000 sessions that
	// wait for their CONNACK at once, 3 have the same counter, and practically never 64.
	returnSlots = 1 << 16

	// returned is the bit of a counter whose identifier has come back too often.
	returned = 1 << 30

	returnsInterval = int64(time.Minute) // between two lines of the log
)

// returns counts the sessions that wait for their CONNACK.
type returns struct {
	seed  maphash.Seed
	ids   [returnSlots]atomic.Int32 // by client identifier
	pairs [returnSlots]atomic.Int32 // by client identifier and address
	said  atomic.Int64              // when the last line was written, in ns of the loops' clock
}

// waiting is the counters of a session; the zero value: it is not counted.
type waiting struct{ id, pair *atomic.Int32 }

func newReturns() *returns {
	r := &returns{seed: maphash.MakeSeed()}
	r.said.Store(math.MinInt64 / 2)
	return r
}

// enter counts a session. It returns false if there are too many of its identifier and address.
func (r *returns) enter(id string, from netip.Addr) (w waiting, ok bool) {
	hash := maphash.String(r.seed, id)
	w = waiting{&r.ids[hash%returnSlots], &r.pairs[(hash^maphash.Comparable(r.seed, from))%returnSlots]}
	w.id.Add(1)
	if w.pair.Add(1) > mostReturns {
		w.id.Or(returned)
		w.leave()
		return waiting{}, false
	}
	return w, true
}

// leave uncounts a session, and reports whether its identifier has come back too often and others of it
// still wait. The last one clears that. It may be called twice.
func (w *waiting) leave() (others bool) {
	if w.id == nil {
		return false
	}
	w.pair.Add(-1)
	if n := w.id.Add(-1); n&returned != 0 {
		others = n != returned || !w.id.CompareAndSwap(returned, 0)
	}
	*w = waiting{}
	return others
}

// hasReturned counts a session on its way to a node, and reports whether it is one too many.
func (l *loop) hasReturned(s *session) bool {
	id := s.clientID()
	if id == "" {
		return false // clients without one are told apart by nothing
	}
	var ok bool
	s.pending.waiting, ok = l.server.returns.enter(id, s.source.addrPort().Addr())
	return !ok
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
	if o.waiting.id == nil || o.waiting.id.Load()&returned == 0 {
		return false
	}
	return o.waiting.leave()
}
