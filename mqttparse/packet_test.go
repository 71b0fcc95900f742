package mqttparse

import (
	"encoding/binary"
	"fmt"
)

// exact formats v in full. Unlike %+v it tells absent (nil) from empty.
func exact(v any) string { return fmt.Sprintf("%#v", v) }

// str is a string or Binary Data, encoded behind its two length bytes.
type str string

// bytesOf joins the parts of a packet. int and byte become one byte, string and []byte
// themselves, str a string behind its length, u16 and u32 big-endian integers.
func bytesOf(parts ...any) []byte {
	var b []byte
	for _, part := range parts {
		switch p := part.(type) {
		case int:
			b = append(b, byte(p))
		case byte:
			b = append(b, p)
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		case str:
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(p))), p...)
		case uint16:
			b = binary.BigEndian.AppendUint16(b, p)
		case uint32:
			b = binary.BigEndian.AppendUint32(b, p)
		default:
			panic(fmt.Sprintf("a packet has no part of type %T", part))
		}
	}
	return b
}

func appendVariableByteInteger(b []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// counted returns the parts behind their length: a set of properties.
func counted(parts ...any) []byte {
	body := bytesOf(parts...)
	return append(appendVariableByteInteger(nil, len(body)), body...)
}

// packet returns a whole packet.
func packet(first byte, parts ...any) []byte {
	return append([]byte{first}, counted(parts...)...)
}

// connect31, connect311 and connect5 return a CONNECT whose flags and payload are given; Keep
// Alive is 60.
func connect31(flags int, payload ...any) []byte {
	return packet(0x10, str("MQIsdp"), 3, flags, uint16(60), bytesOf(payload...))
}

func connect311(flags int, payload ...any) []byte {
	return packet(0x10, str("MQTT"), 4, flags, uint16(60), bytesOf(payload...))
}

// connect5 takes the properties without their length.
func connect5(flags int, properties []byte, payload ...any) []byte {
	return packet(0x10, str("MQTT"), 5, flags, uint16(60), counted(properties), bytesOf(payload...))
}

// connectWithProperties returns a CONNECT of 5 that is valid except for its properties.
func connectWithProperties(properties ...any) []byte {
	return connect5(2, bytesOf(properties...), str("id"))
}

// connectWithWill is like connectWithProperties, for Will Properties.
func connectWithWill(properties ...any) []byte {
	return connect5(6, nil, str("id"), counted(properties...), str("t"), str("m"))
}
