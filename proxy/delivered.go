package proxy

import (
	"mqttlb/mqttparse"
	"mqttlb/proxy/websocket"
)

// delivered tracks the bytes sent to a client, to know where a goodbye may be inserted. If both sides
// speak WebSocket it tracks the frames, which pass unchanged. Bytes to a node are not tracked.
type delivered struct {
	packets mqttparse.Scanner // of MQTT 5 clients
	frames  websocket.Follower
}

// follow tracks b, which is sent to the client next.
func (s *session) follow(b []byte) {
	switch {
	case s.framesPass:
		for len(b) > 0 {
			b = b[s.delivered.next(b):]
		}
	case s.version == mqttparse.V5:
		s.delivered.packets.Skip(b)
	}
}

// next tracks the next frame header, or the rest of a frame, and returns its length in b.
func (d *delivered) next(b []byte) int {
	n, payload := d.frames.Next(b)
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
// packets. If frames pass unchanged, a client that gets only a close frame must have whole frames.
func (s *session) atBoundary() bool {
	switch {
	case s.listener.Opaque() || s.pending != nil:
		return true
	case s.framesPass:
		return s.delivered.canEnd(s.version)
	}
	return s.version != mqttparse.V5 || s.delivered.packets.Between()
}

// untilBoundary returns how many bytes of b, which the client gets next, belong to the packet or frame
// that has begun.
func (s *session) untilBoundary(b []byte) int {
	ahead, n := s.delivered, 0
	if s.framesPass {
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
	switch {
	case code == 0 || !s.delivered.frames.Between():
		return nil
	case !s.delivered.betweenMessages():
		packet = nil
	}
	return appendGoodbye(nil, packet, code)
}
