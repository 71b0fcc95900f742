package proxy

import (
	"mqttlb/mqttparse"
	"mqttlb/proxy/websocket"
)

// delivered follows what a client is given, to know where a goodbye can come. Where both sides speak WebSocket, frames pass as
// they are, and it follows those; what passes to a node is not followed.
type delivered struct {
	packets mqttparse.Scanner // of a client of MQTT 5
	frames  websocket.Follower
}

// follow notes what the client is given next.
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

// next notes where the next header, or the rest of a frame, ends, and returns how many bytes of b that are.
func (d *delivered) next(b []byte) int {
	n, payload := d.frames.Next(b)
	d.packets.Skip(payload)
	return n
}

// betweenMessages reports whether a message of ours may come now among those that pass.
func (d *delivered) betweenMessages() bool { return d.frames.BetweenMessages() && d.packets.Between() }

// canEnd reports whether the goodbye of a version may come now among the frames that pass.
func (d *delivered) canEnd(v mqttparse.Version) bool {
	return d.betweenMessages() || v != mqttparse.V5 && d.frames.Between()
}

// atBoundary reports whether the client has been given whole packets only, or, where nothing can be said to it in MQTT,
// whole frames of WebSocket.
func (s *session) atBoundary() bool {
	switch {
	case s.listener.Opaque() || s.pending != nil:
		return true
	case s.framesPass:
		return s.delivered.canEnd(s.version)
	}
	return s.version != mqttparse.V5 || s.delivered.packets.Between()
}

// untilBoundary is how many bytes of b, which come next for the client, are the rest of what has begun.
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

// goodbyeFrames is a last message and the close frame as far as they may come now among the frames that pass.
func (s *session) goodbyeFrames(packet []byte, code websocket.CloseCode) []byte {
	switch {
	case code == 0 || !s.delivered.frames.Between():
		return nil
	case !s.delivered.betweenMessages():
		packet = nil
	}
	return appendGoodbye(nil, packet, code)
}
