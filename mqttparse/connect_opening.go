package mqttparse

const (
	firstByteConnect = 0x10 // type 1, flags 0
	bridgeBit        = 0x80

	// The Protocol Names, with their two length bytes.
	nameMQTT   = "\x00\x04MQTT"
	nameMQIsdp = "\x00\x06MQIsdp"
)

// An opening is what the first bytes of a CONNECT say, up to the level.
type opening struct {
	size  int // the whole packet, in bytes
	flags int // where the Connect Flags stand
}

// parseOpening reads the fixed header, the Protocol Name and the level. It gives
// up at the first byte that shows that b is no CONNECT, such as the 'G' of an HTTP
// request or the 0x16 of a TLS hello (type 1, with flags): nothing is waited for or kept for a lost cause.
func (c *Connect) parseOpening(b []byte, maxSize int) (h opening, err error) {
	bad := &c.malformed
	if len(b) == 0 {
		return h, ErrShort
	}
	if b[0]>>4 != firstByteConnect>>4 { // [MQTT-3.1.0-1]
		bad.set(0, "MQTT-3.1.0-1", ProtocolError, "first packet", "is not a CONNECT")
		return h, bad
	}
	if b[0] != firstByteConnect { // [MQTT-2.2.2-2], 5: [MQTT-2.1.3-1]
		bad.set(0, "MQTT-2.2.2-2", MalformedPacket, "fixed header", "has flags that are reserved")
		return h, bad
	}
	remaining, lengthSize := variableByteInteger(b[1:])
	if lengthSize < 0 {
		bad.set(1, "MQTT 3.1.1, 2.2.3", MalformedPacket, "Remaining Length", "has more than four bytes")
		return h, bad
	}
	if lengthSize == 0 {
		return h, ErrShort
	}
	begin := 1 + lengthSize
	h.size = begin + remaining

	name := nameMQTT
	if len(b) > begin+1 && string(b[begin:begin+2]) == nameMQIsdp[:2] {
		name = nameMQIsdp // the length of the name tells which one it must become
	}
	if remaining < len(name)+minConnectAfterName {
		bad.set(1, "MQTT-3.1.3-3", MalformedPacket, "Remaining Length", "is too small for a CONNECT")
		return h, bad
	}
	if err := c.parseName(b, begin, name); err != nil {
		return h, err
	}
	level := begin + len(name)
	if len(b) <= level {
		return h, ErrShort
	}
	h.flags = level + 1
	if !c.parseLevel(name, b[level]) { // [MQTT-3.1.2-2]
		bad.set(level, "MQTT-3.1.2-2", UnsupportedProtocolVersion, "Protocol Level", "is not served")
		return h, bad
	}
	if c.Version == V5 && wasteful(b[1:begin]) { // [MQTT-1.5.5-1]; 3.x does not forbid it
		bad.set(1, "MQTT-1.5.5-1", MalformedPacket, "Remaining Length", "is longer than it needs to be")
		return h, bad
	}
	if h.size > maxSize {
		bad.set(1, "MQTT 5, 3.2.2.2", PacketTooLarge, "Remaining Length", "is over the limit")
		return h, bad
	}
	return h, nil
}

// parseName compares the Protocol Name at begin, as far as b goes, with the one that
// it must become.
func (c *Connect) parseName(b []byte, begin int, name string) error {
	got := b[begin:min(len(b), begin+len(name))]
	if string(got) == name {
		return nil
	}
	for i := range got {
		if got[i] != name[i] { // [MQTT-3.1.2-1]
			c.malformed.set(begin+i, "MQTT-3.1.2-1", UnsupportedProtocolVersion, "Protocol Name", "is neither MQTT nor MQIsdp")
			return &c.malformed
		}
	}
	return ErrShort
}

// parseLevel sets Version and Bridge and reports whether the level is served. When
// it is not, Version is one whose CONNACK such a client can read: a level above 5
// must know the form of 5, all others know that of 3.1.1.
func (c *Connect) parseLevel(name string, level byte) bool {
	switch {
	case name == nameMQIsdp && level&^bridgeBit == byte(V31):
		c.Version, c.Bridge = V31, level&bridgeBit != 0
	case name == nameMQTT && level&^bridgeBit == byte(V311):
		c.Version, c.Bridge = V311, level&bridgeBit != 0
	case name == nameMQTT && level == byte(V5):
		c.Version = V5
	case name == nameMQTT && level > byte(V5):
		c.Version = V5
		return false
	default:
		c.Version = V311
		return false
	}
	return true
}
