package proxy

import (
	"mqttlb/mqttparse"
	"mqttlb/proxy/websocket"
)

// delivered is a position in the bytes sent to a client, from which follows where a goodbye may be
// inserted.
type delivered struct {
	packets mqttparse.Scanner
	frames  websocket.Follower // if frames pass unchanged
}

// delivered returns the position after the bytes that were sent to the client so far.
func (s *session) delivered() delivered {
	d := delivered{packets: s.scanners[ToClient]}
	if s.frames != nil {
		d.frames = s.frames[ToClient]
	}
	return d
}

// next advances by the next frame header, or the rest of a frame, and returns its length in b.
func (d *delivered) next(b []byte) int {
	n, payload, _ := d.frames.Next(b)
	d.packets.Skip(payload)
	return n
}

// betweenMessages reports whether a message of our own may be inserted now.
func (d *delivered) betweenMessages() bool { return d.frames.BetweenMessages() && d.packets.Between() }

// canEnd reports whether the goodbye of this version may be inserted now between the frames.
func (d *delivered) canEnd(v mqttparse.Version) bool {
	return d.betweenMessages() || v != mqttparse.V5 && d.frames.Between()
}

// atBoundary reports whether a goodbye may come now. A client that gets a DISCONNECT must have whole
// packets. A client that gets only a close frame must have whole frames. A client that has our close frame
// gets nothing more.
func (s *session) atBoundary() bool {
	if s.listener.Opaque() || s.pending != nil || s.client.closedFrames() {
		return true
	}
	d := s.delivered()
	if s.frames != nil {
		return d.canEnd(s.version)
	}
	return !s.client.inFrame() && (s.version != mqttparse.V5 || d.packets.Between() || s.client.holdsHeader())
}

// untilBoundary returns how many bytes of b, which the client gets next, belong to the packet or frame
// that has begun.
func (s *session) untilBoundary(b []byte) int {
	ahead, n := s.delivered(), 0
	if s.frames != nil {
		for n < len(b) && !ahead.canEnd(s.version) {
			n += ahead.next(b[n:])
		}
		return n
	}
	for piece, err := range ahead.packets.Scan(b) {
		if n = piece.End; err != nil || piece.Ends {
			break
		}
	}
	return n
}

// goodbyeFrames returns the part of a last message and a close frame that may be inserted now between
// the frames.
func (s *session) goodbyeFrames(packet []byte, code websocket.CloseCode) []byte {
	d := s.delivered()
	switch {
	case code == 0 || !d.frames.Between():
		return nil
	case !d.betweenMessages():
		packet = nil
	}
	return appendGoodbye(nil, packet, code)
}
