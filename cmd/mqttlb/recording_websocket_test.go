package main_test

import (
	"fmt"
	"slices"
	"strings"
)

// websocketOpenings are scenarios of how a CONNECT arrives over WebSocket.
func websocketOpenings() []*scenario {
	connect := connectOf(4, "c1")
	return []*scenario{{
		name: "upgrade", about: "An upgrade to WebSocket, and what the node is asked for in its place. Other headers of the client's do not pass.",
		in: recordingMode.clientWS, upgrades: true,
		play: func(s *scene) {
			for _, request := range []string{
				upgradeText(),
				upgradeText("GET /mqtt?a=b HTTP/1.1", "Sec-WebSocket-Protocol: x, mqttv3.1", "Origin: https://a.example", "User-Agent: test",
					"X-Forwarded-For: 192.0.2.9", "Sec-WebSocket-Extensions: permessage-deflate", "X-Other: 1"),
			} {
				c := s.dialAs(arrival{request: request})
				c.send(connect)
				s.part(c, s.welcome(c, 4))
			}
		},
	}, {
		name: "upgrade-drip", about: "An upgrade byte by byte.", in: recordingMode.clientWS,
		play: func(s *scene) {
			c := s.dialAs(arrival{drip: true})
			c.send(connect)
			s.part(c, s.welcome(c, 4))
		},
	}, {
		name: "frames-of-a-connect", about: "A CONNECT in a frame for each byte, in fragments with a ping between them, and in one frame with what follows it.\n" +
			"Where the node speaks WebSocket the frames pass as they are, but for pings, which are answered here until the CONNECT is whole.",
		in: recordingMode.clientWS,
		play: func(s *scene) {
			ping := wsFrame(wsPing, true, []byte("early"))
			for _, way := range []struct {
				what    string
				frames  [][]byte
				pong    bool
				packets int
				count   int // how many data frames
			}{
				{"the CONNECT, a frame for each byte", framesOf(connect), false, 1, len(connect)},
				{"a fragment, a ping, the other fragment", [][]byte{wsFrame(wsBegin, true, connect[:5]), ping, wsFrame(wsLast, true, connect[5:])}, true, 1, 2},
				{"a ping, the CONNECT", [][]byte{ping, wsFrame(wsBinary, true, connect)}, true, 1, 1},
				{"the CONNECT and a PINGREQ in one frame", [][]byte{wsFrame(wsBinary, true, slices.Concat(connect, pingreqPacket))}, false, 2, 1},
				{"an empty frame, the CONNECT", [][]byte{wsFrame(wsBinary, true, nil), wsFrame(wsBinary, true, connect)}, false, 1, 2},
			} {
				c := s.dial()
				c.sendAs(slices.Concat(way.frames...), way.what)
				if way.pong {
					c.read(1)
				}
				n := s.accept()
				if n.frames = n.ws; n.frames {
					n.read(way.count)
				} else {
					n.read(way.packets)
				}
				n.frames = false
				n.send(connackOf(4, 0))
				c.read(1)
				s.part(c, n)
			}
		},
	}, {
		name: "early-pings", about: "More pings than anyone needs before a CONNECT are too many.", in: recordingMode.clientWS,
		play: func(s *scene) {
			c := s.dial()
			c.sendAs(slices.Repeat(wsFrame(wsPong, true, nil), 101), "101 times WS pong")
			s.sentAway(c)
		},
	}, {
		name: "early-close", about: "A close frame in place of a CONNECT.", in: recordingMode.clientWS,
		play: func(s *scene) {
			c := s.dial()
			c.closeWS(1001, "bye")
			s.sentAway(c)
		},
	}}
}

// framesOf returns each byte in a frame of its own.
func framesOf(b []byte) (frames [][]byte) {
	for i := range b {
		frames = append(frames, wsFrame(wsBinary, true, b[i:i+1]))
	}
	return frames
}

// brokenFrames are scenarios of frames that no client may send.
var brokenFrames = []struct {
	what  string
	frame []byte
}{
	{"a frame without mask", wsFrame(wsBinary, false, pingreqPacket)},
	{"a frame of text", wsFrame(wsText, true, pingreqPacket)},
	{"a frame with RSV1", wsFrame(wsBinary|0x40, true, pingreqPacket)},
	{"a frame of opcode 3", wsFrame(0x83, true, nil)},
	{"a continuation of nothing", wsFrame(wsLast, true, pingreqPacket)},
	{"a ping in fragments", wsFrame(wsPing&^0x80, true, []byte("x"))},
	{"a ping of 126 bytes", wsFrame(wsPing, true, []byte(strings.Repeat("x", 126)))},
	{"a close frame of one byte", wsFrame(wsClose, true, []byte{3})},
	{"a close frame with 1005", wsFrame(wsClose, true, wsStatus(1005, ""))},
	{"a reason that is not UTF-8", wsFrame(wsClose, true, wsStatus(1000, "\xff"))},
}

// websocketRelays are scenarios of frames after the CONNECT.
func websocketRelays() []*scenario {
	return []*scenario{{
		name: "frame-error-before-connect", about: "A client that breaks the rules of frames is told which code (RFC 6455, 7.4.1).",
		in: recordingMode.clientWS,
		play: func(s *scene) {
			for _, broken := range brokenFrames {
				c := s.dial()
				c.sendAs(broken.frame, broken.what)
				s.sentAway(c)
			}
		},
	}, {
		name: "frame-error", about: "The same after the CONNECT, where frames end here: what came before reaches the node.",
		in: recordingMode.translated,
		play: func(s *scene) {
			for _, broken := range brokenFrames {
				c, n := s.open(4)
				c.sendAs(slices.Concat(wsFrame(wsBinary, true, pingreqPacket), broken.frame), "PINGREQ, "+broken.what)
				n.end()
				n.fin()
				c.end()
				c.finTCP()
				s.end()
			}
		},
	}, {
		name: "frames-pass", about: "Where the node speaks WebSocket frames pass as they are, both ways, broken ones too.",
		in: recordingMode.upgrades,
		play: func(s *scene) {
			c, n := s.open(4)
			c.frames, n.frames = true, true
			for _, frame := range [][]byte{
				wsFrame(wsBegin, true, pingreqPacket[:1]), wsFrame(wsPing, true, []byte("p")), wsFrame(wsLast, true, pingreqPacket[1:]),
				wsFrame(wsText, true, []byte("text")), wsFrame(wsBinary|0x40, true, []byte("rsv")), wsFrame(wsPong, true, nil),
			} {
				c.sendAs(frame, fmt.Sprintf("frame % x", frame))
				n.read(1)
			}
			for _, frame := range [][]byte{
				wsFrame(wsBegin, false, pingrespPacket[:1]), wsFrame(wsPing, false, []byte("p")), wsFrame(wsLast, false, pingrespPacket[1:]), wsFrame(wsText, false, []byte("text")),
			} {
				n.sendAs(frame, fmt.Sprintf("frame % x", frame))
				c.read(1)
			}
			s.part(c, n)
		},
	}, {
		name: "ws-ping", about: "Pings are answered by whoever reads frames: here, or the node.", in: recordingMode.clientWS,
		play: func(s *scene) {
			c, n := s.open(4)
			c.ping("hello")
			if n.ws {
				n.read(1)
				n.sendAs(wsFrame(wsPong, false, []byte("hello")), `WS pong "hello"`)
			}
			c.read(1)
			s.part(c, n)
		},
	}, {
		name: "ws-close-by-client", about: "A close frame with a code is answered with the same code.", in: recordingMode.clientWS,
		play: func(s *scene) {
			for _, code := range []uint16{1000, 1001, 4321} {
				c, n := s.open(5)
				c.closeWS(code, "bye")
				if n.ws {
					n.read(1)
					n.closeWS(code, "bye")
				} else {
					n.end()
				}
				n.fin()
				c.end()
				c.fin()
				n.end()
				s.end()
			}
		},
	}, {
		name: "ws-close-by-node", about: "A close frame of a node passes; the end of one that speaks none becomes one.", in: recordingMode.clientWS,
		play: func(s *scene) {
			c, n := s.open(5)
			if n.ws {
				n.closeWS(1012, "restart")
			} else {
				n.send(mqttPacket(0xE0, []byte{0x8B, 0}))
				n.fin()
			}
			c.read(1)
			c.closeWS(1000, "")
			if n.ws {
				n.read(1)
				n.fin()
			} else {
				n.end()
			}
			c.end()
			c.fin()
			n.end()
			s.end()
		},
	}}
}
