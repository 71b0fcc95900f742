package reactor

// Target is what an event belongs to: one of the two sides of a slot.
type Target struct {
	Slot  uint32 // below 2^30
	Side  uint8  // 0 or 1
	Birth uint32 // of the descriptor; see Slots.Birth
}

// Events says what has happened to a descriptor. The bits are epoll's.
type Events uint32

// The events.
const (
	Input       Events = 0x1    // bytes, or the end of the stream
	Urgent      Events = 0x2    // a byte that is urgent
	Room        Events = 0x4    // it takes bytes again
	Failed      Events = 0x8    // an error
	HungUp      Events = 0x10   // both streams are ended
	InputHungUp Events = 0x2000 // the peer's stream is ended
)

// Any reports whether one of these events has happened.
func (e Events) Any(these Events) bool { return e&these != 0 }

// Watch is what a descriptor is watched for.
type Watch uint8

// The watches, each including the one before.
const (
	WatchNothing Watch = iota
	WatchInput         // all events but Room
	WatchInputAndRoom
)
