package mqttparse

// MaxRemainingLength is the largest Remaining Length, in bytes, that four bytes can
// encode. In every specification a fifth byte is malformed.
const MaxRemainingLength = 268_435_455

const (
	// A Variable Byte Integer has at most four bytes: Remaining Length in 3.x
	// (2.2.3), and every length of that form in 5 (1.5.5).
	maxVariableByteInteger = 4

	// The last property identifier of 5 is Shared Subscription Available (table 2-4). It
	// must be at most 63, because a uint64 holds a set of identifiers.
	maxPropertyIdentifier = 0x2A

	// After its Protocol Name the shortest CONNECT has the level, the flags, Keep Alive,
	// and the two length bytes of an empty Client Identifier. With a smaller Remaining
	// Length no CONNECT can follow.
	minConnectAfterName = 1 + 1 + 2 + 2

	// The variable header of a CONNACK of 3.x is the flags and the return code. In 5 it
	// has at least a Property Length more.
	connackLengthV3 = 2

	// The values of absent properties (3.1.2.11.3, 3.2.2.3.3, 3.2.2.3.4).
	defaultReceiveMaximum = 65_535
	defaultMaximumQoS     = 2
)
