package opening

import (
	"bytes"
	"errors"

	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/websocket"
)

var errPings = &websocket.Error{
	Code: websocket.PolicyViolation, Section: "RFC 6455, 5.5.2", Reason: "too many pings or pongs before the CONNECT",
}

var errFramedConnect = &websocket.Error{
	Code: websocket.MessageTooBig, Section: "RFC 6455, 10.4", Reason: "the frames around the CONNECT are longer than it by far",
}

// frames is the state of a WebSocket client since its upgrade.
type frames struct {
	accepted Accepted
	reader   websocket.Reader
	packet   []byte // payload of the frames: the CONNECT and the bytes after it
	next     int    // offset of the next frame, or part of one, in the client's bytes
	pings    int    // counts pongs, too
	rest     []byte // the bytes after the frames in packet; valid once the node is known to speak plain MQTT
}

// Upgraded reports to o that the client has received a 101. early are the bytes that the
// client has sent behind its request: frames, for which it need not have waited for the answer.
func (o *Opening) Upgraded(a Accepted, early []byte) {
	if o.bytes = early; len(early) == 0 {
		o.bytes, o.owned = nil, false
	}
	o.frames = &frames{accepted: a, reader: websocket.Reader{FromClient: true}}
	o.stage = atFrames
}

// readFrames reads the CONNECT and the bytes after it from frames, up to the first control
// frame after the CONNECT. It removes control frames before the CONNECT from the client's
// bytes: nodes that speak WebSocket get the rest unchanged.
func (o *Opening) readFrames(sc *Scratch) Verdict {
	f, most := o.frames, o.snapshot.MaxConnectSize
	for whole := false; ; {
		packet, piece, err := f.reader.Copy(f.packet, o.bytes[f.next:])
		switch {
		case whole && (err != nil || piece.Opcode.Control()):
			o.stage = atLimits
			return Verdict{}
		case errors.Is(err, websocket.ErrShort):
			return o.needMore()
		case err != nil:
			return o.refuseFrames(err, sc)
		case piece.Opcode == websocket.Close:
			v := o.refuseSilently(outcome.ClientGone, "")
			sc.reply = websocket.AppendClose(sc.reply[:0], websocket.Normal, "")
			v.Reply = sc.reply
			return v
		case piece.Opcode.Control():
			if f.pings++; f.pings > maxPings {
				return o.refuseFrames(errPings, sc)
			}
			sc.reply = websocket.AppendFrame(sc.reply[:0], websocket.Pong, piece.Payload)
			o.bytes = append(o.bytes[:f.next], o.bytes[f.next+piece.Raw:]...)
			if piece.Opcode == websocket.Ping { // an unsolicited pong needs no answer
				return Verdict{Kind: Pong, Reply: sc.reply}
			}
			continue
		}
		f.packet = packet
		f.next += piece.Raw
		if whole {
			continue
		}
		refusal, err := o.readConnect(f.packet, &sc.connect)
		switch {
		case err == nil:
			whole = true
			continue
		case err != mqttparse.ErrShort:
			if v, undecided := o.refuseConnect(f.packet, refusal, err, sc); !undecided {
				return v
			}
		}
		if f.next > framedConnect*most {
			return o.refuseFrames(errFramedConnect, sc)
		}
	}
}

// refuseFrames refuses a client that has violated the rules for frames.
func (o *Opening) refuseFrames(why error, sc *Scratch) Verdict {
	v := o.refuseSilently(outcome.FrameError, why.Error())
	sc.reply = websocket.AppendCloseFor(sc.reply[:0], why)
	v.Reply = sc.reply
	return v
}

// unframe replaces the client's frames by plain MQTT, for a node that does not speak
// WebSocket.
func (o *Opening) unframe() {
	f := o.frames
	f.rest = bytes.Clone(o.bytes[f.next:])
	o.bytes, o.owned = f.packet, true
	f.packet = nil
}

// Framed reports whether the client speaks WebSocket.
func (o *Opening) Framed() bool { return o.frames != nil }

// NodeRequest returns the upgrade request for a node, without its key, or nil if the nodes
// speak plain MQTT. Valid only after Dial.
func (o *Opening) NodeRequest() *websocket.Request {
	if o.frames == nil {
		return nil
	}
	return o.frames.accepted.forNode
}

// Unread returns the bytes that the client has sent after those of Take, and the Reader to read
// them with. Valid only after Dial, if the client speaks WebSocket and its node does not.
func (o *Opening) Unread() (websocket.Reader, []byte) { return o.frames.reader, o.frames.rest }
