package proxy

import (
	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/reactor"
)

// loop is one event loop and the sessions that arrived on its listening sockets. Its
// goroutine alone touches it.
type loop struct {
	*reactor.Loop
	server   *Server
	current  *generation    // the present one, as far as this loop goes
	sockets  []listenSocket // by the numbers of the listening sockets
	sessions reactor.Slots[session]
	openings []*pending           // free ones
	resume   func(*session, step) // advance from a step, for what comes back to a step that life names

	// Used by one session at a time, within one turn.
	scratch        []byte
	refusal        [16]byte
	header         [headroom]byte
	cipher         []byte // of streams that speak TLS
	sealed         []byte // for streams that speak TLS
	openingScratch opening.Scratch
	connack        mqttparse.Connack

	counters   ledger
	opensUnder map[*generation]int // clients that are not on their node yet, by the generation that they were accepted under
	stopping   bool
	leaving    uint32 // the slot that is looked at next when sessions leave at a pace
}

// newLoop makes a loop without a listening socket.
func newLoop(srv *Server) (*loop, error) {
	l := &loop{
		server:   srv,
		scratch:  make([]byte, headroom+scratchSize),
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

// Done reports whether the loop has been told to stop and its last session has ended.
func (l *loop) Done() bool { return l.stopping && l.sessions.Len() == 0 }

// Event lets the session go on that an event is for.
func (l *loop) Event(t reactor.Target, e reactor.Events) {
	s := l.sessions.At(t.Slot)
	h := &s.client
	if t.Side == serverSide {
		h = &s.server
	}
	if s.listener != nil && h.birth == t.Birth { // it may have ended in this turn
		l.event(s, h, e)
	}
}

// Due is called when a session's timer has fired.
func (l *loop) Due(slot uint32) {
	s := l.sessions.At(slot)
	s.timer = 0
	l.expire(s)
}

func (l *loop) setTimer(s *session, at reactor.Tick) { s.timer = l.Timers.Set(s.slot, at) }
