package mqttparse

const firstByteConnack = 0x20 // type 2, flags 0

// Connack is a CONNACK. Its slices are views into the bytes given to Parse and are valid
// as long as those bytes. An absent field is nil. The zero value is ready for use. Parse
// resets all fields, so one Connack serves many packets.
type Connack struct {
	// Version is the version that the CONNACK is written in. It can differ from the
	// client's: a server that does not know the client's version refuses it in a version
	// of its own.
	Version Version
	// SessionPresent is false in 3.1, which has no such flag.
	SessionPresent bool
	// Code is the reason code if Version is 5, else the return code, 0 to 5. In every
	// version 0 means accepted and any other code refused.
	Code byte

	// The fields below are valid only if Version is 5.
	Properties Properties
	// SessionExpiryInterval is in seconds. When it is absent, the interval that the
	// client asked for holds.
	HasSessionExpiryInterval bool
	SessionExpiryInterval    uint32
	ReceiveMaximum           uint16 // 65,535 when absent, never 0
	MaximumQoS               uint8  // 2 when absent
	RetainAvailable          bool   // true when absent
	MaximumPacketSize        uint32 // in bytes; 0 when absent: no limit
	AssignedClientID         []byte
	TopicAliasMaximum        uint16 // 0 when absent
	ReasonString             []byte
	// The features of the server; true when absent.
	WildcardSubscriptionAvailable    bool
	SubscriptionIdentifiersAvailable bool
	SharedSubscriptionAvailable      bool
	// ServerKeepAlive is in seconds and replaces the client's Keep Alive. 0 turns keep
	// alive off.
	HasServerKeepAlive   bool
	ServerKeepAlive      uint16
	ResponseInformation  []byte
	ServerReference      []byte
	AuthenticationMethod []byte
	AuthenticationData   []byte

	malformed Malformed // returned by Parse; a field, so that Parse does not allocate
}

// Parse reads the CONNACK at the start of b, the answer to a CONNECT of version v, and
// returns its length n. maxSize is the size in bytes of the largest packet that Parse
// accepts. The errors are those of Connect.Parse. After an error no field is valid.
//
// Parse accepts a refusal of the version in either form: return code 1 in the four bytes
// of 3.1.1, or reason code 0x84 in a CONNACK of 5. A server refuses in its own form a
// version that it does not know [MQTT-3.1.2-2].
func (c *Connack) Parse(b []byte, v Version, maxSize int) (n int, err error) {
	*c = Connack{Version: v}
	bad := &c.malformed
	if len(b) == 0 {
		return 0, ErrShort
	}
	if b[0]>>4 != firstByteConnack>>4 { // [MQTT-3.2.0-1]
		bad.set(0, "MQTT-3.2.0-1", ProtocolError, "first packet", "is not a CONNACK")
		return 0, bad
	}
	if b[0] != firstByteConnack && v != V31 { // [MQTT-2.2.2-2], 5: [MQTT-2.1.3-1]; 3.1 does not use the flags
		bad.set(0, clause{"", "MQTT-2.2.2-2", "MQTT-2.1.3-1"}.of(v), MalformedPacket, "fixed header", "has flags that are reserved")
		return 0, bad
	}
	remaining, lengthSize := variableByteInteger(b[1:])
	begin := 1 + lengthSize
	size := begin + remaining
	switch {
	case lengthSize < 0:
		bad.set(1, clause{"MQTT 3.1, 2.1", "MQTT 3.1.1, 2.2.3", "MQTT 5, 1.5.5"}.of(v), MalformedPacket, "Remaining Length", "has more than four bytes")
		return 0, bad
	case lengthSize == 0:
		return 0, ErrShort
	case v == V5 && overlong(b[1:begin]): // [MQTT-1.5.5-1]; 3.x does not forbid it
		bad.set(1, "MQTT-1.5.5-1", MalformedPacket, "Remaining Length", "is longer than it needs to be")
		return 0, bad
	case remaining < connackLengthV3:
		bad.set(1, clause{"MQTT 3.1, 3.2", "MQTT 3.1.1, 3.2.1", "MQTT 5, 3.2.2"}.of(v), MalformedPacket, "Remaining Length", "is too small for a CONNACK")
		return 0, bad
	case size > maxSize:
		bad.set(1, "MQTT-3.1.2-24", PacketTooLarge, "Remaining Length", "is over the limit")
		return 0, bad
	}
	if len(b) < size {
		return 0, ErrShort
	}
	switch { // the length tells the form
	case v == V5 && remaining == connackLengthV3:
		c.Version = V311
	case v != V5 && remaining > connackLengthV3:
		c.Version = V5
	}
	r := cursor{packet: b[:size], at: begin, version: c.Version, bad: bad}
	if !c.readVariableHeader(&r, v) {
		return 0, bad
	}
	return size, nil
}

// readVariableHeader reads the variable header. asked is the version of the CONNECT.
func (c *Connack) readVariableHeader(r *cursor, asked Version) bool {
	at := r.at
	var flags byte
	if !r.byte(&flags) || !r.byte(&c.Code) {
		return r.bad.set(at, "MQTT 3.1.1, 3.2.2", MalformedPacket, "variable header", "runs past the end")
	}
	v := c.Version
	if v != V31 { // "Reserved values. Not used." in 3.1
		if flags&^1 != 0 { // 5: [MQTT-3.2.2-1]
			return r.bad.set(at, clause{"", "MQTT 3.1.1, 3.2.2.1", "MQTT-3.2.2-1"}.of(v), MalformedPacket, "Connect Acknowledge Flags", "has reserved bits set")
		}
		c.SessionPresent = flags == 1
		if c.SessionPresent && c.Code != 0 { // [MQTT-3.2.2-4], 5: [MQTT-3.2.2-6]
			return r.bad.set(at, clause{"", "MQTT-3.2.2-4", "MQTT-3.2.2-6"}.of(v), ProtocolError, "Session Present", "is set in a refusal")
		}
	}
	switch {
	case v != asked && c.Code != versionRefused(v): // only a refusal of the version may be in another version
		return r.bad.set(at+1, "MQTT-3.1.2-2", MalformedPacket, "CONNACK", "is not written in the version of the CONNECT")
	case v != V5 && c.Code > returnNotAuthorized:
		return r.bad.set(at+1, clause{"MQTT 3.1, 3.2", "MQTT 3.1.1, 3.2.2.3", ""}.of(v), MalformedPacket, "return code", "is reserved")
	case v == V5 && !ReasonCode(c.Code).inConnack(): // [MQTT-3.2.2-8]
		return r.bad.set(at+1, "MQTT-3.2.2-8", MalformedPacket, "Connect Reason Code", "is not one of CONNACK")
	case v == V5:
		return c.readProperties(r)
	}
	return true
}

// versionRefused returns the code with which a CONNACK of v refuses the version of the
// CONNECT.
func versionRefused(v Version) byte {
	if v == V5 {
		return byte(UnsupportedProtocolVersion)
	}
	return returnUnacceptableVersion
}
