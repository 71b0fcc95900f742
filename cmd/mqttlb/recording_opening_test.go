package main_test

import (
	"slices"
	"strings"
)

// openings are scenarios of how a CONNECT arrives and how a node answers it.
func openings() []*scenario {
	return []*scenario{{
		name: "opening-whole", about: "A CONNECT of each version in one write, and a client that leaves as it should.",
		play: func(s *scene) {
			for _, level := range recordedVersions {
				c, n := s.open(level)
				s.part(c, n)
			}
		},
	}, {
		name: "opening-bridge", about: "Mosquitto's bridges set bit 7 of the protocol level.",
		in: recordingMode.overTCP,
		play: func(s *scene) {
			c := s.dial()
			c.send(connectOf(0x84, "c1"))
			s.part(c, s.welcome(c, 4))
		},
	}, {
		name: "opening-drip", about: "A CONNECT byte by byte. Where it is read it reaches the node in one write.",
		play: func(s *scene) {
			c := s.dial()
			c.drip(connectOf(5, "c1"))
			s.part(c, s.welcome(c, 5))
		},
	}, {
		name: "opening-pipelined", about: "What comes in one write with the CONNECT comes behind it, before the CONNACK.",
		play: func(s *scene) {
			c := s.dial()
			c.send(connectOf(4, "c1"), subscribePacket, pingreqPacket)
			n := s.accept()
			n.read(3)
			n.send(connackOf(4, 0), subackPacket, pingrespPacket)
			c.read(3)
			s.part(c, n)
		},
	}, {
		name: "opening-large", about: "A CONNECT that is larger than any buffer, and a packet behind it.",
		settings: "limits: {max_connect_size: 512KiB}", large: true,
		play: func(s *scene) {
			c := s.dial()
			c.send(connectWith(4, 0x82, 60, nil, "c1", strings.Repeat("u", 60_000)), pingreqPacket)
			n := s.accept()
			n.read(2)
			n.send(connackOf(4, 0), pingrespPacket)
			c.read(2)
			s.part(c, n)

			c = s.dial()
			properties := slices.Repeat([]byte("\x26\x00\x01k\x00\x0avvvvvvvvvv"), 10_000)
			c.send(large5(properties), pingreqPacket)
			n = s.accept()
			n.read(2)
			n.send(connackOf(5, 0), pingrespPacket)
			c.read(2)
			s.part(c, n)
		},
	}, {
		name: "opening-empty-identifier", about: "The node may assign an identifier, and the log has it then (5, 3.2.2.3.7).",
		in: recordingMode.reads,
		play: func(s *scene) {
			for _, level := range []byte{4, 5} {
				c := s.dial()
				c.send(connectOf(level, ""))
				n := s.accept()
				n.read(1)
				if level == 5 {
					n.send(connackOf(5, 0, []byte("\x12\x00\x08assigned")...))
				} else {
					n.send(connackOf(4, 0))
				}
				c.read(1)
				s.part(c, n)
			}
		},
	}, {
		name: "opening-auth", about: "AUTH packets pass before the CONNACK (5, 4.12).",
		in: recordingMode.reads,
		play: func(s *scene) {
			auth := mqttPacket(0xF0, []byte("\x18\x04\x15\x00\x01x"))
			c := s.dial()
			c.send(connectWith(5, 2, 60, []byte("\x15\x00\x01x"), "c1"))
			n := s.accept()
			n.read(1)
			n.send(auth)
			c.read(1)
			c.send(auth)
			n.read(1)
			n.send(connackOf(5, 0, []byte("\x15\x00\x01x")...))
			c.read(1)
			s.part(c, n)
		},
	}, {
		name: "connack-refused", about: "A node's refusal passes, and the log has its code.\n" +
			"Some codes may make the rebuild ask the next node first; this node is the only one.",
		play: func(s *scene) {
			for _, level := range recordedVersions {
				c := s.dial()
				c.send(connectOf(level, "c1"))
				n := s.accept()
				n.read(1)
				n.send(connackOf(level, map[byte]byte{3: 5, 4: 5, 5: 0x87}[level]))
				c.read(1)
				if n.ws {
					n.closeWS(1000, "")
				}
				n.fin()
				c.end()
				c.fin()
				n.end()
				s.end()
			}
		},
	}, {
		name: "connack-refused-in-one-write", about: "A node's refusal and its close frame in one write.",
		in: recordingMode.upgrades,
		play: func(s *scene) {
			c := s.dial()
			c.send(connectOf(5, "c1"))
			n := s.accept()
			n.read(1)
			n.sendAs(slices.Concat(n.framed(connackOf(5, 0x87)), wsFrame(wsClose, false, wsStatus(1000, ""))), "CONNACK [20 03 00 87 00], WS close 1000")
			n.fin()
			c.end()
			c.fin()
			n.end()
			s.end()
		},
	}, {
		name: "node-closes-before-connack", about: "With confirm: off the session ends with that.",
		in: recordingMode.reads, pool: ", confirm: off",
		play: func(s *scene) {
			c := s.dial()
			c.send(connectOf(5, "c1"))
			n := s.accept()
			n.read(1)
			n.fin()
			c.end()
			c.fin()
			n.end()
			s.end()
		},
	}, {
		name: "node-resets-before-connack", about: "As node-closes-before-connack, with a reset.",
		in: recordingMode.reads, pool: ", confirm: off",
		play: func(s *scene) {
			c := s.dial()
			c.send(connectOf(5, "c1"))
			n := s.accept()
			n.read(1)
			n.reset()
			c.end()
			s.end()
		},
	}, {
		name: "node-is-silent-and-client-leaves", about: "A client that does not wait for its CONNACK.",
		in: recordingMode.reads,
		play: func(s *scene) {
			c := s.dial()
			c.send(connectOf(4, "c1"))
			n := s.accept()
			n.read(1)
			c.fin()
			n.end()
			n.fin()
			c.end()
			s.end()
		},
	}}
}

// large5 returns a CONNECT of level 5 whose properties are too long for connectWith.
func large5(properties []byte) []byte {
	body := append([]byte("\x00\x04MQTT\x05\x02\x00\x3c"), mqttPacket(0, properties)[1:]...)
	return mqttPacket(0x10, append(body, "\x00\x02c1"...))
}
