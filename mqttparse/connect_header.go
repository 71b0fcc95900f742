package mqttparse

const (
	firstByteConnect = 0x10 // type 1, flags 0
	bridgeBit        = 0x80 // set by Mosquitto, in no specification
	lowLevelBits     = 0x0F // of the protocol level, which are all that EMQX compares

	// The Protocol Names, with their two length bytes.
	nameMQTT   = "\x00\x04MQTT"
	nameMQIsdp = "\x00\x06MQIsdp"
)

// A connectLayout holds what the first bytes of a CONNECT, up to the level, say about its
// layout.
type connectLayout struct {
	size  int // of the whole packet, in bytes
	flags int // offset of the Connect Flags
}

// parseHeader reads the fixed header, the Protocol Name and the level. It fails at the
// first byte that cannot belong to a CONNECT, such as the 'G' of an HTTP request or the
// second byte of a TLS ClientHello, 0x16 0x03: a Remaining Length of 3 is too small for a
// CONNECT. So the caller neither waits for nor keeps more bytes of such a connection.
func (c *Connect) parseHeader(b []byte, maxSize int, tolerated *Rules) (h connectLayout, err error) {
	bad := &c.malformed
	if len(b) == 0 {
		return h, ErrShort
	}
	if b[0]>>4 != firstByteConnect>>4 { // [MQTT-3.1.0-1]
		bad.set(0, "MQTT-3.1.0-1", ProtocolError, "first packet", "is not a CONNECT")
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

	name, certain := nameFrom(b[begin:])
	if remaining < len(name)+minConnectAfterName {
		bad.set(1, "MQTT-3.1.3-3", MalformedPacket, "Remaining Length", "is too small for a CONNECT")
		return h, bad
	}
	// 3.1 gives these flags no meaning in a CONNECT, and libraries of its time set a QoS
	// there. [MQTT-2.2.2-2], 5: [MQTT-2.1.3-1]
	if b[0] != firstByteConnect && certain && name == nameMQTT && !tolerated.tolerate(ReservedHeaderFlags) {
		bad.set(0, "MQTT-2.2.2-2", MalformedPacket, "fixed header", "has flags that are reserved")
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
	if !c.parseLevel(name, b[level], tolerated) { // [MQTT-3.1.2-2]
		bad.set(level, "MQTT-3.1.2-2", UnsupportedProtocolVersion, "Protocol Level", "is not served")
		return h, bad
	}
	if c.Version == V5 && overlong(b[1:begin]) && !tolerated.tolerate(OverlongLength) { // [MQTT-1.5.5-1]; 3.x does not forbid it
		bad.set(1, "MQTT-1.5.5-1", MalformedPacket, "Remaining Length", "is longer than it needs to be")
		return h, bad
	}
	if h.size > maxSize {
		bad.set(1, "MQTT 5, 3.2.2.2", PacketTooLarge, "Remaining Length", "is over the limit")
		return h, bad
	}
	return h, nil
}

// nameFrom returns the only Protocol Name that b can still become, judged by its length
// bytes. certain is false while b could become either.
func nameFrom(b []byte) (name string, certain bool) {
	switch {
	case len(b) < 2:
		return nameMQTT, false
	case string(b[:2]) == nameMQIsdp[:2]:
		return nameMQIsdp, true
	default:
		return nameMQTT, string(b[:2]) == nameMQTT[:2]
	}
}

// parseName compares b[begin:], which may be incomplete, with the Protocol Name that it
// must become.
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

// parseLevel sets Version and Bridge and reports whether the level is supported. For an
// unsupported level it sets a Version whose CONNACK such a client can read: 5 for a level
// above 5, 3.1.1 for all others.
//
// Mosquitto sets the bridge bit only in 3.1 and 3.1.1, but EMQX's client sets it in 5 as
// well, and both servers accept it there.
func (c *Connect) parseLevel(name string, level byte, tolerated *Rules) bool {
	version := Version(level &^ bridgeBit)
	low := Version(level & lowLevelBits)
	switch {
	case served(name, version):
		c.Version, c.Bridge = version, level&bridgeBit != 0
		return true
	case served(name, low) && tolerated.tolerate(ReservedLevelBits): // EMQX knows no bridge then
		c.Version = low
		return true
	case name == nameMQTT && version > V5:
		c.Version = V5
	default:
		c.Version = V311
	}
	return false
}

// served reports whether a Protocol Name has this version.
func served(name string, v Version) bool {
	return name == nameMQIsdp && v == V31 || name == nameMQTT && (v == V311 || v == V5)
}
