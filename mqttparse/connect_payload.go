package mqttparse

// The Connect Flags (3.1.2.3).
const (
	flagReserved   = 0x01
	flagCleanStart = 0x02
	flagWill       = 0x04
	flagWillQoS    = 0x18
	flagWillRetain = 0x20
	flagPassword   = 0x40
	flagUsername   = 0x80
)

var (
	clauseClientID    = clause{"MQTT 3.1, 3.1", "MQTT-3.1.3-3", "MQTT-3.1.3-3"}
	clauseWillPresent = clause{"MQTT 3.1, 3.1", "MQTT-3.1.2-9", "MQTT-3.1.2-9"}
	clauseUsername    = clause{"MQTT 3.1, 3.1", "MQTT-3.1.2-19", "MQTT-3.1.2-17"}
	clausePassword    = clause{"MQTT 3.1, 3.1", "MQTT-3.1.2-21", "MQTT-3.1.2-19"}
)

// readVariableHeader reads from the Connect Flags to the end of the packet.
func (c *Connect) readVariableHeader(r *cursor) bool {
	at := r.at
	var flags byte
	if !r.byte(&flags) || !r.uint16(&c.KeepAlive) {
		return r.bad.set(at, "MQTT 3.1.1, 3.1.2.10", MalformedPacket, "Keep Alive", "runs past the end")
	}
	if !c.readFlags(r, flags, at) {
		return false
	}
	if c.Version == V5 && !c.readProperties(r) {
		return false
	}
	return c.readClientID(r) && c.readWill(r) && c.readCredentials(r) && c.readEnd(r)
}

func (c *Connect) readFlags(r *cursor, flags byte, at int) bool {
	v := c.Version
	c.CleanStart = flags&flagCleanStart != 0
	c.Will = flags&flagWill != 0
	c.HasUsername = flags&flagUsername != 0
	c.HasPassword = flags&flagPassword != 0

	// 3.1 calls the bit unused and demands no value.
	if v != V31 && flags&flagReserved != 0 { // [MQTT-3.1.2-3]
		return r.bad.set(at, "MQTT-3.1.2-3", MalformedPacket, "reserved flag", "is not 0")
	}
	if c.Will {
		c.WillQoS = flags & flagWillQoS >> 3
		c.WillRetain = flags&flagWillRetain != 0
		if c.WillQoS == 3 { // [MQTT-3.1.2-14], 5: [MQTT-3.1.2-12]
			return r.bad.set(at, clause{"MQTT 3.1, 2.1", "MQTT-3.1.2-14", "MQTT-3.1.2-12"}.of(v), MalformedPacket, "Will QoS", "is 3")
		}
	} else if v != V31 { // 3.1 ignores Will QoS and Will Retain without a Will
		if flags&flagWillQoS != 0 && !r.tolerated.tolerate(WillQoSWithoutWill) { // [MQTT-3.1.2-13], 5: [MQTT-3.1.2-11]
			return r.bad.set(at, clause{"", "MQTT-3.1.2-13", "MQTT-3.1.2-11"}.of(v), MalformedPacket, "Will QoS", "is not 0 without a Will")
		}
		if flags&flagWillRetain != 0 && !r.tolerated.tolerate(WillRetainWithoutWill) { // [MQTT-3.1.2-15], 5: [MQTT-3.1.2-13]
			return r.bad.set(at, clause{"", "MQTT-3.1.2-15", "MQTT-3.1.2-13"}.of(v), MalformedPacket, "Will Retain", "is not 0 without a Will")
		}
	}
	if v != V5 && c.HasPassword && !c.HasUsername && !r.tolerated.tolerate(PasswordWithoutUsername) { // [MQTT-3.1.2-22]; 5 allows it
		return r.bad.set(at, clause{"MQTT 3.1, 3.1", "MQTT-3.1.2-22", ""}.of(v), MalformedPacket, "Password Flag", "is set without the User Name Flag")
	}
	return true
}

// readClientID accepts identifiers longer than 23 bytes in 3.1, too, although the
// specification forbids them: Mosquitto, EMQX and HAProxy accept them, and clients rely
// on it.
func (c *Connect) readClientID(r *cursor) bool {
	begin := r.at
	if !r.text(&c.ClientID, "Client Identifier", clauseClientID.of(c.Version), clientIDRules) { // [MQTT-3.1.3-3], [MQTT-3.1.3-4]
		return false
	}
	if len(c.ClientID) > 0 || c.Version == V5 {
		return true
	}
	if c.Version == V31 {
		return r.bad.set(begin, "MQTT 3.1, 3.1", ClientIdentifierNotValid, "Client Identifier", "is empty")
	}
	if !c.CleanStart { // [MQTT-3.1.3-8]: a lasting session needs a name
		return r.bad.set(begin, "MQTT-3.1.3-8", ClientIdentifierNotValid, "Client Identifier", "is empty without Clean Session")
	}
	return true
}

func (c *Connect) readWill(r *cursor) bool {
	if !c.Will {
		return true
	}
	if c.Version == V5 && !c.readWillProperties(r) {
		return false
	}
	present := clauseWillPresent.of(c.Version)
	begin := r.at
	return r.text(&c.WillTopic, "Will Topic", present, textRules{}) && // [MQTT-3.1.2-9], [MQTT-3.1.3-10], 5: [MQTT-3.1.3-11]
		r.topicName(c.WillTopic, begin, "Will Topic", TopicNameInvalid, 0) &&
		r.binary(&c.WillPayload, "Will Payload", present)
}

func (c *Connect) readCredentials(r *cursor) bool {
	v := c.Version
	if c.HasUsername {
		// In 3.1 "the Remaining Length takes precedence over the User Name flag": a
		// packet that ends before the field is valid and has no user name. The
		// specification says the same of the password.
		if v == V31 && r.empty() {
			c.HasUsername, c.HasPassword = false, false
			return true
		}
		// [MQTT-3.1.2-19], [MQTT-3.1.3-11], 5: [MQTT-3.1.2-17], [MQTT-3.1.3-12]
		if !r.text(&c.Username, "User Name", clauseUsername.of(v), usernameRules) {
			return false
		}
	}
	if c.HasPassword {
		if v == V31 && r.empty() {
			c.HasPassword = false
			return true
		}
		if !r.binary(&c.Password, "Password", clausePassword.of(v)) { // [MQTT-3.1.2-21], 5: [MQTT-3.1.2-19]
			return false
		}
	}
	return true
}

// readEnd rejects bytes after the last field that a flag announces. If a balancer skipped
// them and a broker read them, the two could disagree on the identity of a client.
func (c *Connect) readEnd(r *cursor) bool {
	if r.empty() {
		return true
	}
	ends := clause{"MQTT 3.1, 3.1", "MQTT-3.1.4-1", "MQTT-3.1.4-1"}
	switch {
	case !c.HasUsername && !c.HasPassword: // [MQTT-3.1.2-18], 5: [MQTT-3.1.2-16]
		ends.v311, ends.v5 = "MQTT-3.1.2-18", "MQTT-3.1.2-16"
	case !c.HasPassword: // [MQTT-3.1.2-20], 5: [MQTT-3.1.2-18]
		ends.v311, ends.v5 = "MQTT-3.1.2-20", "MQTT-3.1.2-18"
	}
	return r.bad.set(r.at, ends.of(c.Version), MalformedPacket, "payload", "goes on after its last field")
}
