package mqttparse

// PacketCounts counts the whole packets of one direction.
type PacketCounts struct {
	Packets uint64
	Publish [3]uint64 // the PUBLISH among them, by QoS
}

// Add adds other counts.
func (c *PacketCounts) Add(o *PacketCounts) {
	c.Packets += o.Packets
	for qos := range c.Publish {
		c.Publish[qos] += o.Publish[qos]
	}
}

// count counts a packet by its first byte.
func (c *PacketCounts) count(first byte) {
	c.Packets++
	if first>>4 != typePublish {
		return
	}
	if qos := first >> 1 & 3; int(qos) < len(c.Publish) { // 3 is malformed
		c.Publish[qos]++
	}
}

const (
	typePublish    = 3
	typeDisconnect = 14
)

// Count advances the Scanner like Scan and counts the packets that end in the chunk in c. It returns
// their number. After an error it counts nothing. The bytes of the chunk may be masked as in the frame
// of a WebSocket client: mask is the mask of the first four bytes, the first of them in the low byte; 0 for none.
func (s *Scanner) Count(chunk []byte, mask uint32, c *PacketCounts) uint32 {
	before := c.Packets
	for at := 0; at < len(chunk); {
		if at = s.countShort(chunk, at, mask, c); at == len(chunk) {
			break
		}
		piece, err := s.next(chunk, at, mask)
		if err != nil {
			break
		}
		if piece.Ends {
			c.count(piece.First)
		}
		at = piece.End
	}
	return uint32(c.Packets - before)
}

// countShort counts the whole packets from at on that have one byte of Remaining Length, which are most. It
// returns the offset after them. It leaves a DISCONNECT to next, which reads its reason code.
func (s *Scanner) countShort(chunk []byte, at int, mask uint32, c *PacketCounts) int {
	if s.state != between || mask != 0 {
		return at
	}
	for at+1 < len(chunk) {
		first, length := chunk[at], int(chunk[at+1])
		end := at + 2 + length
		if length >= 0x80 || end > len(chunk) || first>>4 == 0 || first>>4 == typeDisconnect {
			break
		}
		c.count(first)
		s.first = first
		at = end
	}
	return at
}

// Disconnected reports whether the last packet of the stream so far is a whole DISCONNECT, and its reason
// code, which is 0 if the packet does not have one.
func (s *Scanner) Disconnected() (ReasonCode, bool) {
	if s.state != between || s.first != typeDisconnect<<4 { // other flags are malformed (2.1.3)
		return 0, false
	}
	return ReasonCode(s.body), true
}
