package mqttparse

// A propertyReader iterates over the properties of one place and checks each. Its fields
// hold the property that next has read.
type propertyReader struct {
	cursor
	in   place
	seen uint64 // a bit for each identifier read so far

	begin  int    // offset of the property in the packet; negative after an error
	id     byte   // the identifier of the property
	number uint32 // the value of boolean, twoByte and fourByte
	data   []byte // the value of text and binaryData, the name of a stringPair
	value  []byte // the value of a stringPair
}

// open reads a Property Length at c, prepares r to read that many bytes, and moves c
// behind them. length is the name of the Property Length for the error.
func (r *propertyReader) open(c *cursor, in place, length string) bool {
	begin := c.at
	n, size := variableByteInteger(c.packet[begin:])
	switch {
	case size == 0: // "If there are no properties, this MUST be indicated by including a Property Length of zero"
		return c.bad.set(begin, "MQTT-2.2.2-1", MalformedPacket, length, "runs past the end")
	case size < 0:
		return c.bad.set(begin, "MQTT 5, 1.5.5", MalformedPacket, length, "has more than four bytes")
	case overlong(c.packet[begin:begin+size]) && !c.tolerated.tolerate(OverlongLength): // [MQTT-1.5.5-1]
		return c.bad.set(begin, "MQTT-1.5.5-1", MalformedPacket, length, "is longer than it needs to be")
	}
	end := begin + size + n
	if end > len(c.packet) {
		return c.bad.set(begin, "MQTT 5, 2.2.2.1", MalformedPacket, length, "counts more than the packet holds")
	}
	r.cursor, r.in = *c, in
	r.packet, r.at = c.packet[:end], begin+size
	c.at = end
	return true
}

// raw returns the encoded properties. Call it before the first next.
func (r *propertyReader) raw() Properties {
	return Properties{r.packet[r.at:len(r.packet):len(r.packet)], r.in}
}

// next reads one property. It returns false at the end and at the first invalid property;
// valid tells the two apart.
func (r *propertyReader) next() bool {
	r.begin = r.at
	if !r.byte(&r.id) {
		return false
	}
	// An identifier is a Variable Byte Integer. All known identifiers have one byte, so a
	// longer one is unknown.
	const notHere = "MQTT 5, 2.2.2.2"
	if int(r.id) >= len(propertyRules) || propertyRules[r.id].name == "" {
		return r.fail(notHere, MalformedPacket, "Property", "has an identifier that is not allowed here")
	}
	rule := &propertyRules[r.id]
	section := rule.section[r.in]
	misplaced := section == ""
	if misplaced {
		if !r.tolerated.tolerate(MisplacedProperty) {
			return r.fail(notHere, MalformedPacket, "Property", "has an identifier that is not allowed here")
		}
		section = notHere
	}
	if r.has(r.id) && r.id != userProperty && !r.tolerated.tolerate(RepeatedProperty) {
		return r.fail(section, ProtocolError, rule.name, "comes twice")
	}
	r.seen |= 1 << r.id
	switch rule.kind {
	case boolean:
		var b byte
		if !r.byte(&b) {
			return r.fail(section, MalformedPacket, rule.name, "runs past the end")
		}
		r.number = uint32(b)
		if b > 1 && !misplaced && (r.id != payloadFormatIndicator || !r.tolerated.tolerate(PayloadFormat)) {
			return r.fail(section, ProtocolError, rule.name, "is neither 0 nor 1")
		}
	case twoByte:
		var n uint16
		if !r.uint16(&n) {
			return r.fail(section, MalformedPacket, rule.name, "runs past the end")
		}
		r.number = uint32(n)
	case fourByte:
		if !r.uint32(&r.number) {
			return r.fail(section, MalformedPacket, rule.name, "runs past the end")
		}
	case text:
		if !r.text(&r.data, rule.name, section, propertyTexts) {
			return r.abort()
		}
	case binaryData:
		if !r.binary(&r.data, rule.name, section) {
			return r.abort()
		}
	case stringPair: // both strings obey the rules for strings [MQTT-1.5.7-1]
		if !r.text(&r.data, rule.name, section, propertyTexts) || !r.text(&r.value, rule.name, section, propertyTexts) {
			return r.abort()
		}
	case variable:
		value, size := variableByteInteger(r.packet[r.at:])
		if size <= 0 {
			return r.fail(section, MalformedPacket, rule.name, "runs past the end")
		}
		r.number = uint32(value)
		r.at += size
	}
	if rule.nonZero && r.number == 0 && !misplaced {
		return r.fail(section, ProtocolError, rule.name, "is 0")
	}
	return true
}

// valid reports whether all properties were read and accepted.
func (r *propertyReader) valid() bool { return r.begin >= 0 }

// has reports whether a property with this identifier was read.
func (r *propertyReader) has(id byte) bool { return r.seen&(1<<id) != 0 }

func (r *propertyReader) fail(clause string, code ReasonCode, field, reason string) bool {
	r.bad.set(r.begin, clause, code, field, reason)
	return r.abort()
}

// abort ends the iteration with an error.
func (r *propertyReader) abort() bool {
	r.begin = -1
	return false
}
