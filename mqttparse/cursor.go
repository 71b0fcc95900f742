package mqttparse

import "encoding/binary"

// A cursor reads the bytes of one packet and fails closed: a read beyond the end consumes
// nothing and returns false.
type cursor struct {
	packet  []byte // the packet from its first byte to its last, or to the last byte of its properties
	at      int    // offset of the next byte; never past len(packet)
	version Version
	bad     *Malformed // set by the first check that fails

	tolerated *Rules // gets the rules that the packet breaks and that it need not keep; nil: it must keep all
}

func (c *cursor) empty() bool { return c.at == len(c.packet) }

func (c *cursor) byte(v *byte) bool {
	if len(c.packet)-c.at < 1 {
		return false
	}
	*v = c.packet[c.at]
	c.at++
	return true
}

func (c *cursor) uint16(v *uint16) bool {
	if len(c.packet)-c.at < 2 {
		return false
	}
	*v = binary.BigEndian.Uint16(c.packet[c.at:])
	c.at += 2
	return true
}

func (c *cursor) uint32(v *uint32) bool {
	if len(c.packet)-c.at < 4 {
		return false
	}
	*v = binary.BigEndian.Uint32(c.packet[c.at:])
	c.at += 4
	return true
}

// bytes reads n bytes as a view whose capacity is n, so that appending to it copies.
func (c *cursor) bytes(v *[]byte, n int) bool {
	if len(c.packet)-c.at < n {
		return false
	}
	*v = c.packet[c.at : c.at+n : c.at+n]
	c.at += n
	return true
}

// binary reads Binary Data: two bytes of length and that many bytes. For the error, field
// is the name of the field and missing the clause that requires it.
func (c *cursor) binary(v *[]byte, field, missing string) bool {
	begin := c.at
	var n uint16
	if !c.uint16(&n) || !c.bytes(v, int(n)) {
		return c.bad.set(begin, missing, MalformedPacket, field, "runs past the end")
	}
	return true
}

var (
	clauseUTF8 = clause{"MQTT 3.1, 2.5", "MQTT-1.5.3-1", "MQTT-1.5.4-1"}
	clauseNull = clause{"MQTT 3.1, 2.5", "MQTT-1.5.3-2", "MQTT-1.5.4-2"}
)

// textRules are the rules that a string breaks, if the field has a rule of its own for it.
type textRules struct{ notUTF8, null Rule }

var (
	clientIDRules = textRules{ClientIDNotUTF8, ClientIDNull}
	usernameRules = textRules{UsernameNotUTF8, UsernameNull}
	propertyTexts = textRules{PropertyNotUTF8, PropertyNull}
)

// text reads a UTF-8 Encoded String. It accepts a byte order mark, control characters and
// non-characters: the specifications only advise against them, and [MQTT-1.5.4-3] forbids
// removing a byte order mark.
func (c *cursor) text(v *[]byte, field, missing string, rules textRules) bool {
	if !c.binary(v, field, missing) {
		return false
	}
	s := *v
	if plainASCII(s) {
		return true
	}
	begin := c.at - len(s)
	if at := illFormed(s, c.version); at < len(s) && !c.tolerated.tolerate(rules.notUTF8) { // [MQTT-1.5.3-1], 5: [MQTT-1.5.4-1]
		return c.bad.set(begin+at, clauseUTF8.of(c.version), MalformedPacket, field, "is not well-formed UTF-8")
	}
	// [MQTT-1.5.3-2], 5: [MQTT-1.5.4-2]. The format of 3.1 has no such byte either. A
	// server in C would read a shorter identifier than the balancer hashed.
	if i := nullCharacter(s); i >= 0 && !c.tolerated.tolerate(rules.null) {
		return c.bad.set(begin+i, clauseNull.of(c.version), MalformedPacket, field, "holds U+0000")
	}
	return true
}

// topicName checks that a string can be the Topic Name of a message: not empty and
// without wildcards. begin is the offset of its length bytes. rule is the one that it
// breaks otherwise.
func (c *cursor) topicName(s []byte, begin int, field string, code ReasonCode, rule Rule) bool {
	if len(s) == 0 && !c.tolerated.tolerate(rule) { // [MQTT-4.7.3-1]
		return c.bad.set(begin, clause{"MQTT 3.1, appendix A", "MQTT-4.7.3-1", "MQTT-4.7.3-1"}.of(c.version), code, field, "is empty")
	}
	for i, b := range s {
		if (b == '+' || b == '#') && !c.tolerated.tolerate(rule) { // [MQTT-4.7.1-1], 5: [MQTT-4.7.0-1]
			return c.bad.set(begin+2+i, clause{"MQTT 3.1, appendix A", "MQTT-4.7.1-1", "MQTT-4.7.0-1"}.of(c.version), code, field, "holds a wildcard")
		}
	}
	return true
}
