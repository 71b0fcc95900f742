//go:build linux

package bench

import "encoding/binary"

// filters counts the topic filters of a SUBSCRIBE, each followed by options, or of an
// UNSUBSCRIBE. It does not count a truncated filter.
func (p *packet) filters(v5 bool) (n int) {
	b := p.body[2:]
	if v5 {
		size, used := binary.Uvarint(b)
		if used <= 0 || size > uint64(len(b)-used) {
			return 0
		}
		b = b[used+int(size):]
	}
	options := 0
	if p.first == typeSubscribe {
		options = 1
	}
	for len(b) >= 2 {
		end := 2 + int(binary.BigEndian.Uint16(b)) + options
		if end > len(b) {
			break
		}
		b = b[end:]
		n++
	}
	return n
}

// appendSuback grants QoS 0 to every filter, as the stub delivers no messages.
func (c *brokerConn) appendSuback(out []byte, p *packet) []byte {
	n := p.filters(c.v5)
	return c.appendGrants(out, typeSuback, p.id, n)
}

// appendUnsuback lists a reason code per filter in MQTT 5 and none before.
func (c *brokerConn) appendUnsuback(out []byte, p *packet) []byte {
	n := 0
	if c.v5 {
		n = p.filters(true)
	}
	return c.appendGrants(out, typeUnsuback, p.id, n)
}

func (c *brokerConn) appendGrants(out []byte, first byte, id uint16, n int) []byte {
	length := 2 + n
	if c.v5 {
		length++ // no properties
	}
	out = appendLength(append(out, first), length)
	out = binary.BigEndian.AppendUint16(out, id)
	if c.v5 {
		out = append(out, 0)
	}
	for range n {
		out = append(out, 0)
	}
	return out
}
