package proxy

import (
	"errors"
	"io"

	"mqttlb/proxy/websocket"
)

// framing is the WebSocket of a client's stream whose frames end here.
type framing struct {
	reader websocket.Reader
	rest   []byte // what has come and is not read: the beginning of a header or of a control frame
	unread bool   // rest may have whole frames
	closed bool   // our close frame is sent: nothing may follow it
}

// unread reports whether frames of the client have come that nobody has looked at.
func (h *stream) unread() bool {
	return h.layers != nil && h.layers.ws != nil && h.layers.ws.unread
}

// wrap puts WebSocket on a stream.
func (h *stream) wrap(f *framing) {
	if h.layers == nil {
		h.layers = &layers{}
	}
	h.layers.ws = f
}

// readFrames is read for a stream whose frames end here: it returns what they carry, and answers pings and the close.
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
	if len(replies) > 0 && !l.reply(h, replies) {
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

// unframe takes the frames off b and returns what they carry, moved together in place, and the frames that we answer
// with. end is io.EOF when a close frame has come, after which nothing counts, and a *websocket.Error for what is wrong.
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

// appendClose appends our close frame, if it is the first.
func (f *framing) appendClose(dst, frame []byte) []byte {
	if f.closed {
		return dst
	}
	f.closed = true
	return append(dst, frame...)
}

// reply sends frames of ours, unless too many wait already that the client does not read.
func (l *loop) reply(h *stream, b []byte) bool {
	if h.kept != nil && len(h.kept.bytes)+len(b) > 2*scratchSize {
		return false
	}
	_ = l.seal(h, b) // the next read or write tells
	return true
}

// framed puts a frame around b: in place where b was read, with room before it.
func (l *loop) framed(b []byte) []byte {
	header := websocket.AppendHeader(l.header[:0], websocket.Binary, len(b))
	start := len(l.scratch) - cap(b) - len(header)
	if start < 0 || len(b) == 0 || &l.scratch[:cap(l.scratch)][cap(l.scratch)-1] != &b[:cap(b)][cap(b)-1] {
		return append(header[:len(header):len(header)], b...)
	}
	copy(l.scratch[start:], header)
	return l.scratch[start : start+len(header)+len(b)]
}

// goodbye is a last message and the close frame; of code 0 it is nothing.
func (f *framing) goodbye(packet []byte, code websocket.CloseCode) (b []byte) {
	if code == 0 || f.closed {
		return nil
	}
	f.closed = true
	return appendGoodbye(nil, packet, code)
}

// appendGoodbye appends a last message, of a packet that may be none, and the close frame.
func appendGoodbye(dst, packet []byte, code websocket.CloseCode) []byte {
	if len(packet) > 0 {
		dst = websocket.AppendFrame(dst, websocket.Binary, packet)
	}
	return websocket.AppendClose(dst, code, "")
}
