//go:build linux

package storm

import (
	"encoding/binary"
	"errors"
	"net"

	"mqttlb/mqttparse"
)

// The first bytes of the packets of this package.
const (
	firstConnack    = 0x20
	firstPublish    = 0x32 // QoS 1
	firstPuback     = 0x40
	firstPingreq    = 0xc0
	firstDisconnect = 0xe0

	flagDup = 0x08
)

const (
	publishTopic  = "storm"
	sessionExpiry = 300 // seconds, of a persistent session
	keepAlive     = 600 // seconds: longer than a scenario, so that no client needs a PINGREQ

	// maxPacket is above any packet here.
	maxPacket = 1024
)

var errPacket = errors.New("a packet that the other side cannot have sent")

// appendConnect appends the CONNECT of a client.
func appendConnect(b []byte, v mqttparse.Version, clientID string, clean bool) []byte {
	flags := byte(0)
	if clean {
		flags = 0x02
	}
	var properties []byte
	if v == mqttparse.V5 {
		properties = []byte{0}
		if !clean {
			properties = binary.BigEndian.AppendUint32([]byte{5, 0x11}, sessionExpiry)
		}
	}
	b = append(b, 0x10)
	b = binary.AppendUvarint(b, uint64(10+len(properties)+2+len(clientID)))
	b = append(b, 0, 4, 'M', 'Q', 'T', 'T', byte(v), flags)
	b = binary.BigEndian.AppendUint16(b, keepAlive)
	b = append(b, properties...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(clientID)))
	return append(b, clientID...)
}

// appendAccept appends the CONNACK that accepts a client.
func appendAccept(b []byte, v mqttparse.Version) []byte {
	if v == mqttparse.V5 {
		return append(b, firstConnack, 3, 0, 0, 0)
	}
	return append(b, firstConnack, 2, 0, 0)
}

// message identifies a PUBLISH. It is the payload.
type message struct{ client, seq uint32 }

func appendPublish(b []byte, v mqttparse.Version, m message, dup bool) []byte {
	first, properties := byte(firstPublish), 0
	if dup {
		first |= flagDup
	}
	if v == mqttparse.V5 {
		properties = 1
	}
	b = append(b, first, byte(2+len(publishTopic)+2+properties+8), 0, byte(len(publishTopic)))
	b = append(b, publishTopic...)
	b = append(b, 0, 1) // packet identifier: a client has one message in flight
	b = append(b, make([]byte, properties)...)
	b = binary.BigEndian.AppendUint32(b, m.client)
	return binary.BigEndian.AppendUint32(b, m.seq)
}

// parsePublish parses the body of a PUBLISH of appendPublish.
func parsePublish(body []byte) (message, error) {
	if len(body) < 2+len(publishTopic)+2+8 {
		return message{}, errPacket
	}
	payload := body[len(body)-8:]
	return message{binary.BigEndian.Uint32(payload), binary.BigEndian.Uint32(payload[4:])}, nil
}

// packets reads packets from a connection. A deadline that ends a read loses no byte.
type packets struct {
	conn net.Conn
	buf  []byte // read and not yet returned
	used int    // length of the packet that next has returned, at the beginning of buf
}

// next returns the next packet, which is valid until the next call, and its body.
func (p *packets) next() (packet, body []byte, err error) {
	p.buf = p.buf[:copy(p.buf, p.buf[p.used:])]
	p.used = 0
	for {
		if len(p.buf) >= 2 {
			length, n := binary.Uvarint(p.buf[1:]) // Remaining Length is LEB128, too
			if n < 0 || length > maxPacket {
				return nil, nil, errPacket
			}
			if end := 1 + n + int(length); n > 0 && len(p.buf) >= end {
				p.used = end
				return p.buf[:end], p.buf[1+n : end], nil
			}
		}
		var chunk [256]byte
		n, err := p.conn.Read(chunk[:])
		p.buf = append(p.buf, chunk[:n]...)
		if err != nil && n == 0 {
			return nil, nil, err
		}
	}
}
