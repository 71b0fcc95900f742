package proxy

import (
	"errors"
	"io"

	"mqttlb/proxy/websocket"
)

// framing is the WebSocket layer of a client's stream whose frames end here.
type framing struct {
	reader websocket.Reader
	rest   []byte // received and not parsed yet: the beginning of a header or a control frame
	unread bool   // rest may hold whole frames
	closed bool   // our close frame was sent, or is owed, and nothing may follow it
	single bool   // each packet gets a frame of its own

	packets packetFrames // valid only if single
	owed    []byte       // control frames of ours that wait for the end of the frame that has begun
}

// unread reports whether frames of the client have arrived and were not parsed.
func (h *stream) unread() bool {
	return h.layers != nil && h.layers.ws != nil && h.layers.ws.unread
}

// closedFrames reports whether our close frame was sent.
func (h *stream) closedFrames() bool {
	return h.layers != nil && h.layers.ws != nil && h.layers.ws.closed && !h.inFrame()
}

// wrap adds the WebSocket layer to a stream.
func (h *stream) wrap(f *framing) {
	if h.layers == nil {
		h.layers = &layers{}
	}
	h.layers.ws = f
}

// readFrames is read for a stream with a WebSocket layer. It returns the payloads, and answers pings
// and the close frame.
func (l *loop) readFrames(h *stream, room []byte) ([]byte, error) {
	f := h.layers.ws
	n := copy(room, f.rest)
	if !f.unread {
		got, err := l.receive(h, room[n:])
		if err != nil {
			return nil, err
		}
		n += got
	}
	f.unread = false
	payload, replies, end := f.unframe(room[:n])
	if len(replies) > 0 && !l.reply(h, f, replies) {
		end = errUnreadPongs
	}
	if end != nil {
		h.layers.end, h.readable, h.readToEnd = end, true, true
		if len(payload) == 0 {
			return nil, end
		}
	}
	return payload, nil
}

// unframe parses the frames in b. It returns their payloads, moved together in place, and the frames
// to reply with. The result end is io.EOF after a close frame, behind which b is ignored, and a
// *websocket.Error after a violation of the protocol.
func (f *framing) unframe(b []byte) (payload, replies []byte, end error) {
	payload = b[:0]
	f.rest = nil
	for {
		piece, err := f.reader.Next(b)
		switch {
		case errors.Is(err, websocket.ErrShort):
			if len(b) > 0 {
				f.rest = append([]byte(nil), b...)
			}
			return payload, replies, nil
		case err != nil:
			return payload, f.appendClose(replies, websocket.AppendCloseFor(nil, err)), err
		}
		switch piece.Opcode {
		case websocket.Close:
			return payload, f.appendClose(replies, websocket.AppendClose(nil, codeOf(piece.Payload), "")), io.EOF
		case websocket.Ping:
			if !f.closed {
				replies = websocket.AppendFrame(replies, websocket.Pong, piece.Payload)
			}
		case websocket.Pong:
		default:
			payload = append(payload, piece.Payload...)
		}
		b = b[piece.Raw:]
	}
}

// appendClose appends our close frame unless one was sent before.
func (f *framing) appendClose(dst, frame []byte) []byte {
	if f.closed {
		return dst
	}
	f.closed = true
	return append(dst, frame...)
}

// reply sends control frames, or owes them until a frame has ended. It returns false if the client does not read and
// too many already wait.
func (l *loop) reply(h *stream, f *framing, b []byte) bool {
	waiting := len(f.owed)
	if h.kept != nil {
		waiting += len(h.kept.bytes)
	}
	switch {
	case waiting > 0 && waiting+len(b) > 2*scratchSize:
		return false
	case h.inFrame():
		f.owed = append(f.owed, b...)
	default:
		_ = l.seal(h, b) // the next read or write returns the error
	}
	return true
}

// inFrames puts b, which a node has sent, into frames.
func (l *loop) inFrames(f *framing, b []byte) []byte {
	switch {
	case f.single && !f.packets.lost:
		return l.inPacketFrames(f, b)
	case f.closed:
		return nil // nothing follows a close frame
	}
	return l.behindHeader(b, len(b))
}

// behindHeader puts the header of a frame of this length before b, the beginning of its payload, without a copy
// if b was read into the scratch buffer.
func (l *loop) behindHeader(b []byte, length int) []byte {
	header := websocket.AppendHeader(l.header[:0], websocket.Binary, length)
	start := len(l.scratch) - cap(b) - len(header)
	if start < 0 || len(b) == 0 || &l.scratch[:cap(l.scratch)][cap(l.scratch)-1] != &b[:cap(b)][cap(b)-1] {
		return append(header[:len(header):len(header)], b...)
	}
	copy(l.scratch[start:], header)
	return l.scratch[start : start+len(header)+len(b)]
}

// goodbye returns a last message and the close frame. With code 0, or within a frame, it returns nothing. Without a
// message of ours the client gets the bytes of a fixed header that have waited.
func (f *framing) goodbye(packet []byte, code websocket.CloseCode) (b []byte) {
	if code == 0 || f.closed || f.packets.left > 0 {
		return nil
	}
	f.closed = true
	if waiting := f.packets.begun[:f.packets.waiting]; len(waiting) > 0 && len(packet) == 0 {
		b = websocket.AppendFrame(nil, websocket.Binary, waiting)
	}
	return appendGoodbye(b, packet, code)
}

// appendGoodbye appends a message that holds packet, unless packet is empty, and the close frame.
func appendGoodbye(dst, packet []byte, code websocket.CloseCode) []byte {
	if len(packet) > 0 {
		dst = websocket.AppendFrame(dst, websocket.Binary, packet)
	}
	return websocket.AppendClose(dst, code, "")
}
