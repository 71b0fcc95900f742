package main_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
)

// Packets of MQTT 3.1.1 that scenarios use.
var (
	pingreqPacket    = []byte{0xC0, 0}
	pingrespPacket   = []byte{0xD0, 0}
	disconnectPacket = []byte{0xE0, 0}
	subscribePacket  = []byte("\x82\x06\x00\x01\x00\x01t\x00")
	subackPacket     = []byte("\x90\x03\x00\x01\x00")
)

// recordedVersions are the protocol levels of MQTT 3.1, 3.1.1 and 5.
var recordedVersions = []byte{3, 4, 5}

// connectWith returns a CONNECT of level 3, 4 or 5 with these connect flags, keep alive
// and payload. Other levels have the layout of level 4.
func connectWith(level, flags byte, keepAlive uint16, properties []byte, payload ...string) []byte {
	name := "MQTT"
	if level == 3 {
		name = "MQIsdp"
	}
	body := append(binary.BigEndian.AppendUint16(nil, uint16(len(name))), name...)
	body = binary.BigEndian.AppendUint16(append(body, level, flags), keepAlive)
	if level == 5 {
		body = append(append(body, byte(len(properties))), properties...)
	}
	for _, field := range payload {
		body = append(binary.BigEndian.AppendUint16(body, uint16(len(field))), field...)
	}
	return mqttPacket(0x10, body)
}

// connectOf returns a CONNECT with a clean session and this identifier.
func connectOf(level byte, id string) []byte {
	return connectWith(level, 2, 60, nil, id)
}

// mqttPacket returns a control packet with this first byte and this rest.
func mqttPacket(first byte, body []byte) []byte {
	b, n := []byte{first}, len(body)
	for ; n > 127; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(append(b, byte(n)), body...)
}

// connackOf returns a CONNACK of level 3, 4 or 5 with a code.
func connackOf(level, code byte, properties ...byte) []byte {
	if level == 5 {
		return mqttPacket(0x20, append([]byte{0, code, byte(len(properties))}, properties...))
	}
	return []byte{0x20, 2, 0, code}
}

// publishOf returns a PUBLISH of level 3 or 4 at QoS 0 to the topic t.
func publishOf(payload []byte) []byte {
	return mqttPacket(0x30, append([]byte("\x00\x01t"), payload...))
}

// patterned returns n bytes without repetition, so that lost or moved bytes show.
func patterned(size int) []byte {
	b := make([]byte, 0, size+8)
	for i := 0; len(b) < size; i++ {
		b = binary.BigEndian.AppendUint64(b, uint64(i)*0x9E3779B97F4A7C15)
	}
	return b[:size]
}

// cutPacket returns the first control packet of b and the rest, or nil if the packet is not whole.
func cutPacket(b []byte) (packet, rest []byte) {
	length, used := binary.Uvarint(b[min(1, len(b)):]) // the Remaining Length is a varint of 4 bytes at most
	if used <= 0 || uint64(len(b)) < uint64(1+used)+length {
		return nil, b
	}
	n := 1 + used + int(length)
	return b[:n:n], b[n:]
}

var packetNames = [16]string{
	"type 0", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
	"SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
}

// describePacket describes a control packet in a recording: its name, its important
// fields, and its bytes if they are few.
func describePacket(b []byte) string {
	words := []string{packetNames[b[0]>>4]}
	if level := levelOf(b); level > 0 {
		words = append(words, fmt.Sprintf("level %d", level))
	}
	return strings.Join(append(words, describeBytes(b)), " ")
}

// levelOf returns the protocol level in a CONNECT, or 0 if p is no CONNECT or too short.
func levelOf(b []byte) byte {
	if b[0]>>4 != 1 {
		return 0
	}
	_, used := binary.Uvarint(b[1:])
	if name := b[1+max(used, 0):]; len(name) > 2 && len(name) > int(name[1])+2 {
		return name[name[1]+2]
	}
	return 0
}

// describeBytes returns b itself if it is short, else its length and a digest.
func describeBytes(b []byte) string {
	if len(b) <= 40 {
		return fmt.Sprintf("[% x]", b)
	}
	return fmt.Sprintf("[%d bytes, sha256 %.4x]", len(b), sha256.Sum256(b))
}
