package proxy

import (
	"bytes"
	"errors"

	"mqttlb/mqttparse"
	"mqttlb/proxy/websocket"
)

// peekFrames reads the CONNECT out of WebSocket frames. What it finds in l.parsed
// is good for this turn.
func (l *loop) peekFrames(s *session) step {
	o, most := s.opening, l.server.snapshot.MaxConnectSize
	e := o.entrance
	for {
		rest, replies, closing, broken := e.read(o.bytes, nil)
		o.bytes = rest
		if len(replies) > 0 && (l.seal(&s.client, replies) != nil || s.client.kept != nil) {
			return l.finish(s, ClientGone) // it sends pings and does not read
		}
		refusal, err := peek(e.packet, &l.parsed, most)
		s.version = l.parsed.Version
		switch {
		case err == nil:
			s.id = logged(l.parsed.ClientID)
			return stepAdmit
		case err != mqttparse.ErrShort:
			o.fault = err.Error()
			return l.refuse(s, refusal)
		case broken != nil:
			return l.breakOff(s, broken)
		case closing:
			_ = l.seal(&s.client, websocket.AppendClose(nil, websocket.Normal, ""))
			return l.seeOff(s, ClientGone)
		case len(o.bytes) > framedConnect*most:
			return l.breakOff(s, errFramedConnect)
		}
		if next := l.fill(s); next != stepPeek {
			return next
		}
	}
}

var errFramedConnect = &websocket.Error{
	Code: websocket.MessageTooBig, Section: "RFC 6455, 10.4", Reason: "the frames around the CONNECT are longer than it by far",
}

// breakOff ends a session whose client has broken the rules of frames before its
// CONNECT was whole.
func (l *loop) breakOff(s *session, why error) step {
	s.opening.fault = why.Error()
	_ = l.seal(&s.client, closeFrame(nil, why))
	return l.seeOff(s, FrameError)
}

// closeFrame appends the close frame that an error of the client's frames is owed.
func closeFrame(dst []byte, why error) []byte {
	var broken *websocket.Error
	if errors.As(why, &broken) {
		return websocket.AppendClose(dst, broken.Code, broken.Reason)
	}
	return websocket.AppendClose(dst, websocket.ProtocolError, "")
}

// unwrapFrames makes a session's first bytes plain MQTT: its node knows nothing
// else. From here on the client's stream takes the frames off.
func (l *loop) unwrapFrames(s *session) {
	o := s.opening
	rest := bytes.Clone(o.bytes[o.entrance.next:])
	s.client.wrap(&framing{reader: o.entrance.reader, rest: rest, unread: len(rest) > 0})
	o.bytes, o.owned = o.entrance.packet, true
}

// wrap puts WebSocket on a stream.
func (h *stream) wrap(f *framing) {
	if h.layers == nil {
		h.layers = &layers{}
	}
	h.layers.ws = f
}
