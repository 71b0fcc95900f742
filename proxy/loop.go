package proxy

import (
	"sync"

	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/source"
)

// loop is one event loop and the sessions that arrived on its listening sockets. Only its own
// goroutine touches it.
type loop struct {
	*reactor.Loop
	server   *Server
	number   int            // of the server's loops
	current  *generation    // the generation that this loop has applied last
	sockets  []listenSocket // by socket number
	sessions reactor.Slots[session]
	openings []*pending           // free structs for reuse
	resume   func(*session, step) // continues at a step; a field, because the table of steps refers to its callers

	// Used by one session at a time, within one turn.
	scratch        []byte
	refusal        [16]byte
	header         [headroom]byte
	cipher         []byte // received by streams that speak TLS
	sealed         []byte // to be sent by streams that speak TLS
	framed         []byte // several packets, each in a frame of its own
	openingScratch opening.Scratch
	connack        mqttparse.Connack
	answer         []byte // the packets that a node's first bytes have

	sources map[int32]*source.Use // of connections to nodes whose pools have source addresses, by descriptor

	counters    ledger
	times       loopTimes
	keptBytes   int64               // memory of all backlogs
	keptStreams int64               // those that have a backlog
	contenders  int                 // connections beside those of the sessions, see race
	opensUnder  map[*generation]int // openings that are not over, by the generation that accepted their client
	serial      uint64              // of the session accepted last
	recount     *recount            // counts the sessions for Check; nil: no Check goes on
	looking     sync.Mutex          // held by another goroutine during a look, so that a turn has one look at most
	stopping    bool
	leaving     uint32 // the slot at which the next batch of leaving sessions begins
}

// newLoop makes a loop without a listening socket.
func newLoop(srv *Server) (*loop, error) {
	l := &loop{
		server:   srv,
		scratch:  make([]byte, headroom+scratchSize),
		sources:  map[int32]*source.Use{},
		counters: newLedger(),

		opensUnder: map[*generation]int{},
	}
	l.resume = func(s *session, next step) {
		if next != stepEnded {
			s.step = next
			l.advance(s)
		}
	}
	var err error
	l.Loop, err = reactor.NewLoop(l, srv.epoch)
	return l, err
}

// Done reports whether the loop was told to stop and its last session has ended.
func (l *loop) Done() bool { return l.stopping && l.sessions.Len() == 0 }

// Event passes an event on to the session of its target.
func (l *loop) Event(t reactor.Target, e reactor.Events) {
	s := l.sessions.At(t.Slot)
	h := &s.client
	if t.Side == serverSide {
		h = &s.server
	}
	if s.listener != nil && h.birth == t.Birth { // the session may have ended in this turn
		l.touch(s, t.Slot)
		l.event(s, h, e)
	} else if s.pending != nil && len(s.pending.others) > 0 && t.Side == serverSide {
		l.touch(s, t.Slot)
		l.contenderEvent(s, t.Birth)
	}
}

// Due handles the timer of a session, which has fired.
func (l *loop) Due(slot uint32) {
	s := l.sessions.At(slot)
	l.touch(s, slot)
	s.timer = 0
	l.expire(s)
}

func (l *loop) setTimer(s *session, at reactor.Tick) { s.timer = l.Timers.Set(s.slot, at) }

// ask has a running loop call f and returns the result; the zero value if the loop has ended.
func ask[T any](l *loop, f func() T) (answer T) {
	answered := make(chan T, 1)
	if l.Do(func() { answered <- f() }) {
		answer = <-answered
	}
	return answer
}
