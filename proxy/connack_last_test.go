package proxy

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"mqttlb/mqttparse"
	"mqttlb/proxy/websocket"
)

// A node may refuse a client and end the session in one write: in a frame, in TLS or in MQTT. The session's line
// has the code all the same.
func TestTheCodeOfAConnackIsKnownWhateverComesWithIt(t *testing.T) {
	refusals := map[mqttparse.Version][]byte{mqttparse.V311: []byte("\x20\x02\x00\x05"), mqttparse.V5: []byte("\x20\x03\x00\x87\x00")}
	inEachMode(t, func(t *testing.T, m mode) {
		r := startLeaving(t, m)
		n, known := 0, 0 // sessions, and those whose line has a code
		for v, refusal := range refusals {
			for name, behind := range map[string]struct{ mqtt, raw []byte }{
				"nothing":                     {},
				"a DISCONNECT":                {mqtt: []byte("\xe0\x02\x87\x00")},
				"an empty DISCONNECT":         {mqtt: []byte("\xe0\x00")},
				"a close frame":               {raw: websocket.AppendClose(nil, websocket.Normal, "")},
				"a close frame with a reason": {raw: websocket.AppendClose(nil, websocket.PolicyViolation, "not authorized")},
				"an empty close frame":        {raw: websocket.AppendClose(nil, websocket.NoStatus, "")},
				"a ping and a close frame":    {raw: websocket.AppendClose(websocket.AppendFrame(nil, websocket.Ping, nil), websocket.Normal, "")},
				"half a close frame":          {raw: []byte("\x88\x02\x03")},
				"many packets":                {mqtt: bytes.Repeat(publish, 700)},
			} {
				for _, reset := range []bool{false, true} {
					client, node := r.connect(v)
					if reset {
						client.say([]byte("\xc0\x00")) // the node does not read it
					}
					b := append(bytes.Clone(refusal), behind.mqtt...)
					if m.nodeWS {
						b = append(websocket.AppendFrame(nil, websocket.Binary, b), behind.raw...)
					}
					node.send(b)
					_ = node.Close()
					_, _ = io.Copy(io.Discard, client.Conn)
					_ = client.Close()
					eventually(t, "the end of the session", func() bool { return r.srv.open() == 0 })
					n++
					eventually(t, "the session's line", func() bool { return strings.Count(r.log.String(), "msg=session ") == n })
					log := r.log.String()
					if known++; strings.Count(log, "connack=") != known {
						t.Errorf("version %v, with %s, reset %v: no code in %s", v, name, reset, log[strings.LastIndex(log, "msg=session "):])
						known--
					}
				}
			}
		}
	})
}

// An AUTH is forwarded before the CONNACK is known. The frame of the CONNACK may have begun by then.
func TestACodeIsKnownBehindAnAUTHWhereverItsFrameIsCut(t *testing.T) {
	r := startLeaving(t, wsToWS)
	auth := websocket.AppendFrame(nil, websocket.Binary, []byte("\xf0\x00"))
	all := append(bytes.Clone(auth), websocket.AppendFrame(nil, websocket.Binary, []byte("\x20\x03\x00\x87\x00"))...)
	for cut := len(auth); cut <= len(all); cut++ {
		client, node := r.connect(mqttparse.V5)
		node.send(all[:cut])
		eventually(t, "the loop has read it", func() (read bool) {
			r.each(func(s *session) { read = s.flow.Sent > 0 || s.pending != nil && len(s.pending.answer) > 0 })
			return read
		})
		node.send(all[cut:])
		_ = node.Close()
		_, _ = io.Copy(io.Discard, client.Conn)
		_ = client.Close()
		eventually(t, "the session's line", func() bool {
			return strings.Count(r.log.String(), "connack=135 ") == cut-len(auth)+1
		})
	}
}
