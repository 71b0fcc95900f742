package proxy

import (
	"errors"
	"net/http"

	"mqttlb/proxy/websocket"
)

// maxPings bounds the pings and pongs that a client may send before its CONNECT. To
// take one out of its bytes moves all that follow it.
const maxPings = 100

var errPings = &websocket.Error{
	Code: websocket.PolicyViolation, Section: "RFC 6455, 5.5.2", Reason: "too many pings or pongs before the CONNECT",
}

// errUnreadPongs is of a client that pings on and reads no answer.
var errUnreadPongs = &websocket.Error{
	Code: websocket.PolicyViolation, Section: "RFC 6455, 5.5.3", Reason: "pings whose answers are not read",
}

// entrance is what a WebSocket client has said before its CONNECT is whole.
type entrance struct {
	request *websocket.Request // the upgrade that a node is asked for; nil where nodes speak plain MQTT
	reader  websocket.Reader
	packet  []byte // payload of the frames: the CONNECT, and what came with it
	next    int    // where in the client's bytes the next frame, or part of one, begins
	pings   int    // and pongs
}

// newEntrance begins what follows an upgrade.
func newEntrance(p *Pool, r *http.Request, protocol string) *entrance {
	e := &entrance{reader: websocket.Reader{FromClient: true}}
	if p.WebSocket {
		e.request = nodeRequest(p, r, protocol)
	}
	return e
}

// read takes the frames at raw[e.next:] and appends what they carry to e.packet.
// Control frames are answered, in replies, and taken out of raw: nodes get the
// rest as it came. closing: a close frame is what comes next. Wanting more bytes
// is no error; any other is a *websocket.Error.
func (e *entrance) read(raw, replies []byte) (rest, answered []byte, closing bool, err error) {
	for {
		packet, piece, err := e.reader.Copy(e.packet, raw[e.next:])
		switch {
		case errors.Is(err, websocket.ErrShort):
			return raw, replies, false, nil
		case err != nil:
			return raw, replies, false, err
		}
		switch piece.Opcode {
		case websocket.Close:
			return raw, replies, true, nil
		case websocket.Ping, websocket.Pong:
			if e.pings++; e.pings > maxPings {
				return raw, replies, false, errPings
			}
			if piece.Opcode == websocket.Ping { // an unsolicited pong asks for nothing
				replies = appendFrame(replies, websocket.Pong, piece.Payload)
			}
			raw = append(raw[:e.next], raw[e.next+piece.Raw:]...)
		default:
			e.packet = packet
			e.next += piece.Raw
		}
	}
}

// appendFrame appends a whole frame of ours.
func appendFrame(dst []byte, op websocket.Opcode, payload []byte) []byte {
	return append(websocket.AppendHeader(dst, op, len(payload)), payload...)
}
