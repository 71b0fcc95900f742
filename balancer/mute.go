package balancer

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// A node is mute if it accepts connections and gives no session its CONNACK, for example because it expects
// a PROXY header that the pool does not send. A probe that only connects does not see that. A broker also
// closes if a CONNECT is wrong, so that clients can make a node look mute. Before the health checks take
// it for down, they ask it themselves, if they can (AnsweredProbe).

// The limits of the judgement.
const (
	// A mute node has given so many sessions no CONNACK, over so long a time, and has answered none in between.
	muteSessions = 10
	muteTime     = 5 * time.Second

	// These sessions came from so many addresses, or another node has accepted so many of them. In a pool in
	// which no node answers, so many client identifiers are enough: to call a node mute then changes the
	// reason in the log and the readiness, but clients are tried on the same nodes as before.
	muteAddresses   = 3
	muteElsewhere   = 5
	muteIdentifiers = 10

	// muteGap is the longest time between two of these sessions. Sessions before a longer one do not count.
	muteGap = time.Minute

	// trustedTime is how long a node that has answered a probe's CONNECT is not mute, whatever its sessions see.
	trustedTime = time.Minute

	// quietTime is the least time between two reports of a node's unanswered sessions.
	quietTime = time.Minute
)

// Unanswered is a session that its node has given no CONNACK.
type Unanswered struct {
	Address    netip.Addr // of the client
	Identifier string
	Cause      string // the likely cause
}

// silence counts the sessions that one address of a node has given no CONNACK.
type silence struct {
	answers atomic.Uint64 // sessions that it has answered
	some    atomic.Bool   // there are sessions since the last answer
	mute    atomic.Bool   // the decision of JudgeAnswers, until a probe is answered

	mu          sync.Mutex // guards the fields below
	total       uint64     // sessions
	sessions    int        // since the last answer
	since, last int64      // the first and the last of these, in the time of now
	addresses   sketch     // of their clients
	identifiers sketch     // of their clients
	elsewhere   int        // of these sessions that another node has accepted
	cause       string     // the likely one of the last session
	probedAt    int64      // when the node has answered a probe, in the time of now; 0: never

	// Only JudgeAnswers uses the fields below.
	reported    uint64 // of total
	reportedAt  int64
	answersSeen uint64
	answeredAt  int64 // about when the node answered last; 0: never
	muteUntil   int64
	times       int // how often it has become mute since its last answer
}

// Answered counts a session that has got its CONNACK from the node, whatever its code. After an accepted
// one the caller calls Left at the session's end.
func (n *Node) Answered(accepted bool) {
	if accepted {
		n.count.served.Add(1)
	}
	s := n.condition.silence
	s.answers.Add(1)
	if s.some.Load() {
		s.mu.Lock()
		s.forgetLocked()
		s.mu.Unlock()
	}
}

// AnsweredProbe notes that the node has answered a CONNECT of a probe, so that it is not mute.
func (n *Node) AnsweredProbe() {
	s := n.condition.silence
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetLocked()
	s.probedAt, s.times = now(), 0
	s.mute.Store(false)
}

// Left uncounts a session that the node has accepted.
func (n *Node) Left() { n.count.served.Add(-1) }

// Served returns the number of open sessions that the node has accepted.
func (n *Node) Served() int64 { return n.count.served.Load() }

// Unanswered counts a session that the node has given no CONNACK.
func (n *Node) Unanswered(u Unanswered) {
	s, at := n.condition.silence, now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions > 0 && at-s.last > int64(muteGap) {
		s.forgetLocked()
	}
	if s.sessions == 0 {
		s.since = at
	}
	s.total++
	s.sessions++
	s.last, s.cause = at, u.Cause
	address := u.Address
	if address.Is6() { // a host can have any number of addresses in its network
		network, _ := address.Prefix(64)
		address = network.Addr()
	}
	s.addresses.add(maphash.Comparable(sketchSeed, address))
	s.identifiers.add(maphash.String(sketchSeed, u.Identifier))
	s.some.Store(true)
}

// AcceptedElsewhere counts that another node has accepted a session which this one has not answered.
func (n *Node) AcceptedElsewhere() {
	s := n.condition.silence
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions > 0 {
		s.elsewhere++
	}
}

// UnansweredTotal returns how many sessions the node has given no CONNACK.
func (n *Node) UnansweredTotal() uint64 {
	s := n.condition.silence
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

// Mute reports whether the node accepts connections and gives no session its CONNACK, and the likely cause.
func (n *Node) Mute() (cause string, mute bool) {
	s := n.condition.silence
	if !s.mute.Load() {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause, true
}

// forgetLocked begins to count anew.
func (s *silence) forgetLocked() {
	s.sessions, s.elsewhere, s.addresses, s.identifiers = 0, 0, sketch{}, sketch{}
	s.some.Store(false)
}

// Silence is what JudgeAnswers has to say about a node.
type Silence struct {
	Node     *Node
	Sessions uint64        // that got no CONNACK since the last report
	Answers  bool          // the node answers others meanwhile
	Cause    string        // the likely cause of the last of these sessions
	Mute     bool          // it has become mute
	For      time.Duration // until clients are tried on it again; valid only if Mute
}

// JudgeAnswers decides which nodes are mute. It returns them, and once a minute those that have given
// sessions no CONNACK. It is meant to be called once a second, never twice at the same time.
func (p *Pool) JudgeAnswers() []Silence { return p.judgeAnswers(now()) }

func (p *Pool) judgeAnswers(now int64) (all []Silence) {
	answering := false // a node of the pool
	for _, n := range p.nodes {
		s := n.condition.silence
		if answers := s.answers.Load(); answers != s.answersSeen {
			s.answersSeen, s.answeredAt = answers, now
		}
		if n.Served() > 0 || s.answeredAt != 0 && now-s.answeredAt <= int64(muteGap) {
			answering = true
		}
	}
	for _, n := range p.nodes {
		if v, ok := n.judgeAnswers(now, answering); ok {
			all = append(all, v)
		}
	}
	return all
}

func (n *Node) judgeAnswers(now int64, answering bool) (v Silence, ok bool) {
	s := n.condition.silence
	s.mu.Lock()
	defer s.mu.Unlock()
	v = Silence{Node: n, Cause: s.cause, Answers: s.sessions == 0 || n.Served() > 0}
	switch mute := s.mute.Load(); {
	case mute && (s.sessions == 0 || now >= s.muteUntil):
		if s.sessions == 0 {
			s.times = 0
		}
		s.mute.Store(false)
		s.forgetLocked() // its clients are tried on it again
	case !mute && n.Served() == 0 && s.isMuteLocked(now, answering):
		v.Mute, v.For = true, min(firstTime<<s.times, mostTime)
		if v.For < mostTime {
			s.times++
		}
		s.muteUntil = now + int64(v.For)
		s.mute.Store(true)
	}
	if s.total != s.reported && (v.Mute || s.reportedAt == 0 || now-s.reportedAt >= int64(quietTime)) {
		v.Sessions = s.total - s.reported
		s.reported, s.reportedAt = s.total, now
	}
	return v, v.Mute || v.Sessions > 0
}

// isMuteLocked reports whether the sessions since the last answer show that the node is mute. answering says
// that a node of its pool answers.
func (s *silence) isMuteLocked(now int64, answering bool) bool {
	if s.probedAt != 0 && now-s.probedAt < int64(trustedTime) {
		return false
	}
	if s.sessions < muteSessions || s.last-s.since < int64(muteTime) || now-s.last > int64(muteGap) {
		return false
	}
	return s.addresses.count() >= muteAddresses || s.elsewhere >= muteElsewhere || !answering && s.identifiers.count() >= muteIdentifiers
}
