package reactor

// Target identifies what an event belongs to: one of the two sides of a slot.
type Target struct {
	Slot  uint32 // below 2^30
	Side  uint8  // 0 or 1
	Birth uint32 // of the descriptor; see Slots.Birth
}

// Events is a set of events of a descriptor. The bits are epoll's.
type Events uint32

// The events.
const (
	Input       Events = 0x1    // bytes, or the end of the stream
	Urgent      Events = 0x2    // an urgent byte
	Room        Events = 0x4    // the socket takes bytes again
	Failed      Events = 0x8    // an error
	HungUp      Events = 0x10   // both directions have ended
	InputHungUp Events = 0x2000 // the peer has ended its direction
)

// Any reports whether e has any of these events.
func (e Events) Any(these Events) bool { return e&these != 0 }

// Watch says which events of a descriptor are reported.
type Watch uint8

// The watches. Each includes the one before.
const (
	WatchNothing Watch = iota
	WatchInput         // all events but Room
	WatchInputAndRoom
)
