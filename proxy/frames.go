package proxy

import (
	"errors"

	"mqttlb/proxy/websocket"
)

// codeOf is the code in a close frame's payload.
func codeOf(payload []byte) websocket.CloseCode {
	code, _ := websocket.CloseOf(payload)
	return code
}

// connackIn is what readAnswer makes of a node's first bytes where the node speaks
// WebSocket: the CONNACK may be spread over frames. What comes behind it is not looked at.
func connackIn(b []byte, decide func(packet []byte) answer) answer {
	var r websocket.Reader
	var packet []byte
	for decided := decide(nil); ; {
		next, piece, err := r.Copy(packet, b)
		switch {
		case errors.Is(err, websocket.ErrShort):
			return decided
		case err != nil || piece.Opcode == websocket.Close:
			return answerOther
		case piece.Opcode == websocket.Binary:
			packet = next
			if decided = decide(packet); decided == answerConnack || decided == answerOther {
				return decided
			}
		}
		b = b[piece.Raw:]
	}
}

// errUnreadPongs is of a client that pings on and reads no answer.
var errUnreadPongs = &websocket.Error{
	Code: websocket.PolicyViolation, Section: "RFC 6455, 5.5.3", Reason: "pings whose answers are not read",
}
