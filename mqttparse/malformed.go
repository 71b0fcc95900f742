package mqttparse

import (
	"errors"
	"strconv"
)

// ErrShort means that the bytes are valid so far and that more are needed.
var ErrShort = errors.New("mqttparse: more bytes are needed")

// Malformed says why bytes can never become a valid packet. A Malformed that a Parse
// method returns is stored in the method's receiver and is valid until the next Parse.
type Malformed struct { //nolint:errname // the word of the specifications, which call the packet so
	// Offset is the position of the fault, in bytes from the first byte of the packet.
	Offset int
	// Clause is the rule that is broken: a conformance statement such as
	// "MQTT-3.1.2-3", or "MQTT 5, 3.1.2.11.3" where the rule has no number.
	Clause string
	// Code is the reason code of a refusal in MQTT 5. AppendRefusal turns it into the
	// return code of an older version, if there is one.
	Code ReasonCode
	// Field is the field of the packet that breaks the rule, in the words of the
	// specification.
	Field string
	// Reason completes the sentence that Field begins.
	Reason string
}

// Error returns a line such as
// "Will QoS is 3 at byte 9 [MQTT-3.1.2-14]".
func (m *Malformed) Error() string {
	return m.Field + " " + m.Reason + " at byte " + strconv.Itoa(m.Offset) + " [" + m.Clause + "]"
}

// set fills m, unless m is nil because the caller does not need the error. It returns
// false, so that a check is one line.
func (m *Malformed) set(offset int, clause string, code ReasonCode, field, reason string) bool {
	if m != nil {
		*m = Malformed{Offset: offset, Clause: clause, Code: code, Field: field, Reason: reason}
	}
	return false
}

// A clause is one rule, by its number in each specification. The numbers of a rule seldom
// agree.
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
