//go:build linux

package proxy

import (
	"mqttlb/mqttparse"
	"mqttlb/proxy/websocket"
)

// checkFrames checks that each frame for a client that gets one packet in each has the length of its packet. The
// node's end may leave the beginning of a fixed header.
func (m *model) checkFrames() {
	if !m.single {
		return
	}
	for b := m.client.got; len(b) > 0; {
		h, err := websocket.ParseHeader(b)
		if err != nil {
			return // it is not whole
		}
		payload := b[h.Size:min(len(b), h.Size+int(h.Length))]
		if length, err := mqttparse.PacketLength(payload); h.Opcode == websocket.Binary && err == nil && length != int(h.Length) &&
			(length > 0 || len(payload) == int(h.Length) && !m.node.ended) {
			m.fail("a packet of %d bytes is in a frame of %d: % x", length, h.Length, payload[:min(len(payload), 8)])
		}
		b = b[h.Size+len(payload):]
	}
}

// inFrame reports whether the client has got a part of a frame only.
func (m *model) inFrame() bool {
	for b := m.client.got; m.single && len(b) > 0; {
		h, err := websocket.ParseHeader(b)
		if err != nil || len(b) < h.Size+int(h.Length) {
			return true
		}
		b = b[h.Size+int(h.Length):]
	}
	return false
}

// beginning returns the length of the fixed header at the end of packets that is not whole; 0: there is none.
func beginning(packets []byte) (n int) {
	var s mqttparse.Scanner
	at := 0
	for piece, err := range s.Scan(packets) {
		if err != nil {
			return 0
		}
		at = piece.Begin
	}
	if length, err := mqttparse.PacketLength(packets[at:]); err == nil && length == 0 {
		return len(packets) - at
	}
	return 0
}
