package proxy

import (
	"errors"

	"mqttlb/proxy/websocket"
)

// frames is what a session keeps whose client speaks WebSocket while its node
// does not: WebSocket ends here.
type frames struct {
	reader websocket.Reader
	rest   []byte // the beginning of a header or a control frame
	closed bool   // our close frame is sent: nothing may follow it
	broken error  // how the client broke the rules
}

// unframe takes the frames off b, which begins with f.rest, and returns what they
// carry, moved together in place. Control frames are answered in replies.
// closing: the client's close frame has come, and what follows it is dropped. The
// error is a *websocket.Error; what came before it is in payload.
func (f *frames) unframe(b, replies []byte) (payload, answered []byte, closing bool, err error) {
	payload = b[:0]
	for {
		piece, err := f.reader.Next(b)
		switch {
		case errors.Is(err, websocket.ErrShort):
			f.rest = append([]byte(nil), b...) // nil between two frames
			return payload, replies, false, nil
		case err != nil:
			return payload, replies, false, err
		}
		switch piece.Opcode {
		case websocket.Close:
			if !f.closed {
				replies = websocket.AppendClose(replies, codeOf(piece.Payload), "")
			}
			f.rest = nil
			return payload, replies, true, nil
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

// codeOf is the code in a close frame's payload.
func codeOf(payload []byte) websocket.CloseCode {
	code, _ := websocket.CloseOf(payload)
	return code
}

// connackIn is what confirm makes of a node's first bytes where the node speaks
// WebSocket: the CONNACK may be spread over frames.
func connackIn(b []byte, decide func(packet []byte) answer) answer {
	var r websocket.Reader
	var packet []byte
	for {
		next, piece, err := r.Copy(packet, b)
		switch {
		case errors.Is(err, websocket.ErrShort):
			return decide(packet)
		case err != nil || piece.Opcode == websocket.Close:
			return answerOther
		case piece.Opcode == websocket.Binary:
			packet = next
		}
		b = b[piece.Raw:]
	}
}

// errUnreadPongs is of a client that pings on and reads no answer.
var errUnreadPongs = &websocket.Error{
	Code: websocket.PolicyViolation, Section: "RFC 6455, 5.5.3", Reason: "pings whose answers are not read",
}

// appendFrame appends a whole frame of ours.
func appendFrame(dst []byte, op websocket.Opcode, payload []byte) []byte {
	return websocket.AppendFrame(dst, op, payload)
}
