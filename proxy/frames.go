package proxy

import (
	"errors"

	"mqttlb/proxy/websocket"
)

// codeOf returns the code in the payload of a close frame.
func codeOf(payload []byte) websocket.CloseCode {
	code, _ := websocket.CloseOf(payload)
	return code
}

// connackIn is readAnswer for a node that speaks WebSocket. The CONNACK may be spread over several
// frames. Bytes after it are not read.
func connackIn(b []byte, decide func(packet []byte) answer) answer {
	var r websocket.Reader
	var packet []byte
	for decided := decide(nil); ; {
		next, piece, err := r.Copy(packet, b)
		switch {
		case errors.Is(err, websocket.ErrShort) && decided == answerAuth && (len(b) > 0 || !r.Between()):
			return answerShort // a frame has begun, and after the AUTH is forwarded its beginning is not known any more
		case errors.Is(err, websocket.ErrShort):
			return decided
		case err != nil:
			return answerOther
		case piece.Opcode == websocket.Close:
			return answerClose
		case piece.Opcode == websocket.Binary:
			packet = next
			if decided = decide(packet); decided == answerConnack || decided == answerOther {
				return decided
			}
		}
		b = b[piece.Raw:]
	}
}

// errUnreadPongs ends a client that sends pings and does not read the pongs.
var errUnreadPongs = &websocket.Error{
	Code: websocket.PolicyViolation, Section: "RFC 6455, 5.5.3", Reason: "pings whose answers are not read",
}
