package proxy

import (
	"mqttlb/mqttparse"
	"mqttlb/proxy/websocket"
)

// packetFrames is the state of a client that gets every packet in a frame of its own. Some clients look for no
// second packet in a frame, such as Paho's in C. The header of a frame has the length of the whole packet, which is
// known from the packet's fixed header, and the rest of the packet follows as it comes. So no packet is collected,
// however long it is. Nothing else may be said within a frame: see framing.owed.
//
// A node whose bytes are no packets is given up on: from there on each read is a frame.
type packetFrames struct {
	left    uint32  // bytes of the frame that has begun still missing
	begun   [4]byte // of a fixed header that is not whole. They wait for its end
	waiting uint8   // number of those bytes
	lost    bool    // the bytes are no packets
}

// inPacketFrames puts b, which a node has sent, into frames.
func (l *loop) inPacketFrames(f *framing, b []byte) []byte {
	p := &f.packets
	if n := uint32(len(b)); n < p.left || n == p.left && f.owed == nil {
		p.left -= n
		return b
	}
	if p.left == 0 && p.waiting == 0 && !f.closed {
		if length, err := mqttparse.PacketLength(b); err == nil && length >= len(b) { // as nearly always
			p.left = uint32(length - len(b))
			return l.behindHeader(b, length)
		}
	}
	l.framed = l.framed[:0]
	for len(b) > 0 && (p.left > 0 || !f.closed) {
		if p.left == 0 {
			b = l.beginFrame(f, b)
			continue
		}
		n := min(int(p.left), len(b))
		l.framed = append(l.framed, b[:n]...)
		b = b[n:]
		if p.left -= uint32(n); p.left == 0 {
			l.framed = append(l.framed, f.owed...)
			f.owed = nil
		}
	}
	return l.framed
}

// beginFrame appends the header of a frame for the packet that begins with the waiting bytes and b, and those of
// its bytes that have waited. It returns the rest of b.
func (l *loop) beginFrame(f *framing, b []byte) (rest []byte) {
	p := &f.packets
	var fixed [len(p.begun) + 1]byte
	n := copy(fixed[:], p.begun[:p.waiting])
	n += copy(fixed[n:], b)
	length, err := mqttparse.PacketLength(fixed[:n])
	switch {
	case err != nil:
		p.lost = true
		length = int(p.waiting) + len(b)
	case length == 0:
		p.waiting = uint8(copy(p.begun[:], fixed[:n]))
		return nil
	}
	l.framed = websocket.AppendHeader(l.framed, websocket.Binary, length)
	l.framed = append(l.framed, p.begun[:p.waiting]...)
	p.left = uint32(length) - uint32(p.waiting)
	p.waiting = 0
	return b
}

// holdsHeader reports whether the client has got nothing of the packet that its node has begun.
func (h *stream) holdsHeader() bool {
	return h.layers != nil && h.layers.ws != nil && h.layers.ws.packets.waiting > 0
}

// inFrame reports whether the client has got only a part of a frame.
func (h *stream) inFrame() bool {
	return h.layers != nil && h.layers.ws != nil && h.layers.ws.packets.left > 0
}
