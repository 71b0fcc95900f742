package mqttparse

import (
	"errors"
	"strconv"
)

// ErrShort says that what is here is sound so far and more bytes are needed.
var ErrShort = errors.New("mqttparse: more bytes are needed")

// Malformed says why bytes can never become a valid packet. The one that a Parse
// returns lives inside its receiver: it is valid until the next Parse.
type Malformed struct { //nolint:errname // the word of the specifications, which call the packet so
	// Offset is where the packet goes wrong, in bytes from its first byte.
	Offset int
	// Clause is the rule that is broken: a conformance statement such as
	// "MQTT-3.1.2-3", or "MQTT 5, 3.1.2.11.3" where the rule has no number.
	Clause string
	// Code is what a refusal in MQTT 5 would say. AppendRefusal turns it into
	// what the client's own version can say, which may be nothing.
	Code ReasonCode
	// Field is the field of the packet that the rule is about, in the words of
	// the specification.
	Field string
	// Reason completes the sentence that Field begins.
	Reason string
}

// Error returns a line such as
// "Will QoS is 3 at byte 9 [MQTT-3.1.2-14]".
func (m *Malformed) Error() string {
	return m.Field + " " + m.Reason + " at byte " + strconv.Itoa(m.Offset) + " [" + m.Clause + "]"
}

// set fills m, unless nobody asks and it is nil, and returns false, so that a check is
// one line.
func (m *Malformed) set(offset int, clause string, code ReasonCode, field, reason string) bool {
	if m != nil {
		*m = Malformed{Offset: offset, Clause: clause, Code: code, Field: field, Reason: reason}
	}
	return false
}

// A clause is one rule under its number in each specification: the same rule is
// seldom the same number.
type clause struct{ v31, v311, v5 string }

func (c clause) of(v Version) string {
	switch v {
	case V31:
		return c.v31
	case V311:
		return c.v311
	default:
		return c.v5
	}
}
