package proxy

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"

	"mqttlb/mqttparse"
	"mqttlb/proxy/websocket"
)

// framing is the WebSocket of a stream. Where both sides of a session speak it frames pass as they are, and are only
// followed, so that a goodbye can be put between two. Otherwise they end here.
type framing struct {
	passes bool
	toNode bool // our frames are masked
	closed bool // our close frame is sent: nothing may follow it

	// Of frames that pass, as they were written to this stream.
	frames  websocket.Follower
	packets mqttparse.Scanner // inside them, of a client's

	// Of frames that end here.
	reader websocket.Reader
	rest   []byte // what has come and is not read: the beginning of a header or of a control frame
	unread bool   // rest may have whole frames
}

// wrap puts WebSocket on a stream.
func (h *stream) wrap(f *framing) {
	if h.layers == nil {
		h.layers = &layers{}
	}
	h.layers.ws = f
}

// follow notes where frames that pass begin and end.
func (f *framing) follow(b []byte) {
	for len(b) > 0 {
		b = b[f.next(b):]
	}
}

// next notes where the next header, or the rest of a frame, ends, and returns how many bytes of b that are.
func (f *framing) next(b []byte) int {
	n, payload := f.frames.Next(b)
	if !f.toNode {
		f.packets.Skip(payload)
	}
	return n
}

// canEnd reports whether the goodbye of a version may come now among the frames that pass.
func (f *framing) canEnd(v mqttparse.Version) bool {
	return f.betweenPackets() || v != mqttparse.V5 && f.frames.Between()
}

// betweenPackets reports whether a message of ours may come now among those that pass.
func (f *framing) betweenPackets() bool { return f.frames.BetweenMessages() && f.packets.Between() }

// readFrames is read for a stream whose frames end here: it returns what they carry, and answers pings and the close.
func (l *loop) readFrames(h *stream, room []byte) ([]byte, error) {
	f := h.layers.ws
	n := len(f.rest)
	copy(room, f.rest)
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
			return payload, f.appendClose(replies, closeFrame(nil, err)), err
		}
		switch piece.Opcode {
		case websocket.Close:
			return payload, f.appendClose(replies, websocket.AppendClose(nil, codeOf(piece.Payload), "")), io.EOF
		case websocket.Ping:
			if !f.closed {
				replies = appendFrame(replies, websocket.Pong, piece.Payload)
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
	if h.kept != nil && len(*h.kept)+len(b) > 2*scratchSize {
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

// goodbye is a last message, if a message may come now, and the close frame, if a frame may; of code 0 it is nothing.
func (f *framing) goodbye(packet []byte, code websocket.CloseCode) (b []byte) {
	if code == 0 || f.closed || f.passes && !f.frames.Between() {
		return nil
	}
	f.closed = true
	if len(packet) > 0 && (!f.passes || f.betweenPackets()) {
		b = appendFrame(b, websocket.Binary, packet)
	}
	if f.toNode {
		return appendMaskedClose(b, code)
	}
	return websocket.AppendClose(b, code, "")
}

// closeFrame appends the close frame that an error of the client's frames is owed.
func closeFrame(dst []byte, why error) []byte {
	var broken *websocket.Error
	if errors.As(why, &broken) {
		return websocket.AppendClose(dst, broken.Code, broken.Reason)
	}
	return websocket.AppendClose(dst, websocket.ProtocolError, "")
}

// appendMaskedClose appends a close frame as a client sends it.
func appendMaskedClose(dst []byte, code websocket.CloseCode) []byte {
	var key [4]byte
	_, _ = rand.Read(key[:]) // never fails
	dst = websocket.AppendMaskedHeader(dst, websocket.Close, 2, key)
	payload := binary.BigEndian.AppendUint16(nil, uint16(code))
	return append(dst, payload[0]^key[0], payload[1]^key[1])
}
