package mqttparse

import (
	"encoding/binary"
	"fmt"
)

// exact is everything that v holds; unlike %+v it tells absent (nil) from empty.
func exact(v any) string { return fmt.Sprintf("%#v", v) }

// str is a string or Binary Data: it is written with its two length bytes.
type str string

// bytesOf joins the parts of a packet: int and byte are one byte, string and []byte are
// themselves, str has its length before it, u16 and u32 are big-endian.
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

// counted is what its parts say, with their length before them: a set of properties.
func counted(parts ...any) []byte {
	body := bytesOf(parts...)
	return append(appendVariableByteInteger(nil, len(body)), body...)
}

// packet is a whole packet.
func packet(first byte, parts ...any) []byte {
	return append([]byte{first}, counted(parts...)...)
}

// connect31, connect311 and connect5 are a CONNECT from the Connect Flags on; Keep Alive is 60.
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

// connectWithProperties is a CONNECT of 5 that is fine but for its properties.
func connectWithProperties(properties ...any) []byte {
	return connect5(2, bytesOf(properties...), str("id"))
}

// connectWithWill is the same for Will Properties.
func connectWithWill(properties ...any) []byte {
	return connect5(6, nil, str("id"), counted(properties...), str("t"), str("m"))
}
