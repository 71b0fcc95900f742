package mqttparse

// MaxRemainingLength is the largest Remaining Length that four bytes can say, in
// bytes. Every specification says so; a fifth byte is malformed.
const MaxRemainingLength = 268_435_455

const (
	// A Variable Byte Integer has at most four bytes: Remaining Length in 3.x
	// (2.2.3), and every length of that form in 5 (1.5.5).
	maxVariableByteInteger = 4

	// The last property identifier of 5 is Shared Subscription Available (table 2-4).
	// At most 63, so that a set of them is a uint64.
	maxPropertyIdentifier = 0x2A

	// What the shortest CONNECT has after its Protocol Name: level, flags, Keep Alive,
	// and an empty Client Identifier with its two length bytes. A smaller Remaining
	// Length can become no CONNECT, whatever follows.
	minConnectAfterName = 1 + 1 + 2 + 2

	// CONNACK of 3.x is the flags and the return code, nothing else; that of 5 has
	// at least a Property Length more.
	connackLengthV3 = 2

	// What a property that is absent means (3.1.2.11.3, 3.2.2.3.3, 3.2.2.3.4).
	defaultReceiveMaximum = 65_535
	defaultMaximumQoS     = 2
)
