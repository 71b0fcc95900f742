package bench

import "encoding/binary"

// Packet types, as the first byte of a packet with the required flags.
const (
	typeConnect     = 0x10
	typeConnack     = 0x20
	typePublish     = 0x30 // with DUP, QoS and RETAIN in the low four bits
	typePuback      = 0x40
	typePubrec      = 0x50
	typePubrel      = 0x62
	typePubcomp     = 0x70
	typeSubscribe   = 0x82
	typeSuback      = 0x90
	typeUnsubscribe = 0xa2
	typeUnsuback    = 0xb0
	typePingreq     = 0xc0
	typePingresp    = 0xd0
	typeDisconnect  = 0xe0
)

// connect holds the fields of a CONNECT of this package. It has no Will.
type connect struct {
	version    byte // 3 (MQTT 3.1), 4 (3.1.1) or 5
	cleanStart bool
	keepAlive  uint16 // seconds; 0 is off
	clientID   []byte
	username   string // empty: neither user name nor password is sent
	password   string
}

func (c *connect) append(b []byte) []byte {
	name := "MQTT"
	if c.version == 3 {
		name = "MQIsdp"
	}
	flags := byte(0)
	if c.cleanStart {
		flags |= 0x02
	}
	n := 2 + len(name) + 4 + 2 + len(c.clientID)
	if c.version == 5 {
		n++ // no properties
	}
	if c.username != "" {
		flags |= 0x80
		n += 2 + len(c.username)
		if c.password != "" {
			flags |= 0x40
			n += 2 + len(c.password)
		}
	}
	b = appendLength(append(b, typeConnect), n)
	b = appendString(b, name)
	b = append(b, c.version, flags)
	b = binary.BigEndian.AppendUint16(b, c.keepAlive)
	if c.version == 5 {
		b = append(b, 0)
	}
	b = appendString(b, c.clientID)
	if flags&0x80 != 0 {
		b = appendString(b, c.username)
	}
	if flags&0x40 != 0 {
		b = appendString(b, c.password)
	}
	return b
}

// appendPublish appends a PUBLISH. id is ignored if the QoS in flags is 0.
func appendPublish(b []byte, version, flags byte, topic []byte, id uint16, payload []byte) []byte {
	n := 2 + len(topic) + len(payload)
	if flags&0x06 != 0 {
		n += 2
	}
	if version == 5 {
		n++ // no properties
	}
	b = appendLength(append(b, typePublish|flags), n)
	b = appendString(b, topic)
	if flags&0x06 != 0 {
		b = binary.BigEndian.AppendUint16(b, id)
	}
	if version == 5 {
		b = append(b, 0)
	}
	return append(b, payload...)
}

func appendSubscribe(b []byte, version byte, id uint16, filter []byte, qos byte) []byte {
	n := 2 + 2 + len(filter) + 1
	if version == 5 {
		n++ // no properties
	}
	b = appendLength(append(b, typeSubscribe), n)
	b = binary.BigEndian.AppendUint16(b, id)
	if version == 5 {
		b = append(b, 0)
	}
	return append(appendString(b, filter), qos)
}

// appendAck appends a PUBACK, PUBREC, PUBREL or PUBCOMP. Without a reason code it means
// success in every version.
func appendAck(b []byte, first byte, id uint16) []byte {
	return append(b, first, 2, byte(id>>8), byte(id))
}

func appendLength(b []byte, n int) []byte {
	return binary.AppendUvarint(b, uint64(n)) // Remaining Length is LEB128 too
}

func appendString[S string | []byte](b []byte, s S) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}
