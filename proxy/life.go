package proxy

// step is where a session is in its life.
type step uint8

// The life of a session, in order.
//
//	accept ─> unwrap ─> peek ─> admit ─> route ─> dial ─> announce ─> confirm ─> relay ─> finish
//	          PROXY in  CONNECT limits   pool,    next     PROXY out,  CONNACK    bytes    one outcome:
//	          TLS, HTTP          rules    key      candidate TLS,                           one line, one count
//	                                                        first bytes
//	         └──────── open: package opening ────────┘
//
// accept.go makes the session and finish.go ends it; the steps between are run from
// here.
const (
	stepOpen     step = iota // read what the client sends first, as package opening says, up to the route
	stepDial                 // open a connection to the next candidate, after a pause where all were tried in vain
	stepSecure               // nodes that speak TLS: the PROXY header, then the handshake, in a goroutine
	stepAnnounce             // write the PROXY header and the CONNECT in one
	stepSwitch               // nodes that speak WebSocket: wait for the 101, then write the frames
	stepConfirm              // read the CONNACK
	stepRelay                // move bytes until both sides have ended
	stepLinger               // instead of all that: see a refusal off

	stepWait  // returned by a step that needs the socket or the clock to go on
	stepEnded // returned by a step that has finished the session
)

// life holds each step's function, which returns the step to take next. A
// failed connection goes back to dial; a refusal goes to linger.
var life = [...]func(*loop, *session) step{
	stepOpen:     (*loop).open,
	stepDial:     (*loop).dial,
	stepSecure:   (*loop).secureNode,
	stepAnnounce: (*loop).announce,
	stepSwitch:   (*loop).switchOver,
	stepConfirm:  (*loop).confirm,
	stepRelay:    (*loop).relay,
	stepLinger:   (*loop).linger,
}

// dialling: a connection to a node is being made, or will be after a pause, and it is
// not the client that is waited for.
func (s step) dialling() bool { return s >= stepDial && s <= stepSwitch }

// advance takes a session as far as it goes now. It is called after the accept
// and for every event, and leaves the session registered for the events and
// the time that it waits for.
func (l *loop) advance(s *session) {
	for {
		switch next := life[s.step](l, s); next {
		case stepEnded:
			return
		case stepWait:
			l.await(s)
			return
		default:
			s.step = next
		}
	}
}
