package main_test

import (
	"fmt"
	"strings"
)

// refusals are scenarios in which a CONNECT is refused.
func refusals() []*scenario {
	each := func(name, about string, connects ...[]byte) *scenario {
		return &scenario{
			name: name, about: about, in: recordingMode.reads,
			play: func(s *scene) {
				for _, connect := range connects {
					s.refused(connect)
				}
			},
		}
	}
	return []*scenario{
		each("not-mqtt", "A first packet that is no CONNECT of MQTT.",
			pingreqPacket, []byte("\x10\x0f\x00\x05AMQPX\x05\x02\x00\x3c\x00\x02c1\x00"), []byte("\x30\x03\x00\x01t")),
		each("malformed-connect", "What breaks the specification, in each version: a reserved flag, a Will QoS of 3, a topic of the Will that is none.",
			connectWith(3, 0x04|0x18, 60, nil, "c1", "t", "m"),
			connectWith(4, 3, 60, nil, "c1"),
			connectWith(4, 0x1E, 60, nil, "c1", "t", "m"),
			connectWith(5, 3, 60, nil, "c1"),
			connectWith(5, 0x1E, 60, nil, "c1"),
			connectWith(5, 2, 60, []byte("\x11\x00\x00\x00\x01\x11\x00\x00\x00\x01"), "c1"),
			mqttPacket(0x10, []byte("\x00\x04MQTT\x05\x06\x00\x3c\x00\x00\x02c1\x00\x00\x03a/#\x00\x01m")),
		),
		each("unsupported-version", "Levels that nobody serves.",
			mqttPacket(0x10, []byte("\x00\x06MQIsdp\x04\x02\x00\x3c\x00\x02c1")), mqttPacket(0x10, []byte("\x00\x04MQTT\x03\x02\x00\x3c\x00\x02c1")),
			connectOf(6, "c1"), connectOf(0, "c1")),
		each("identifier-rejected", "An empty identifier where none may be.",
			connectWith(3, 2, 60, nil, ""), connectWith(4, 0, 60, nil, "")),
		{
			name: "connect-too-large", about: "The beginning of a CONNECT that says it is longer than limits.max_connect_size.",
			in: recordingMode.reads, settings: "limits: {max_connect_size: 1KiB}",
			play: func(s *scene) {
				for _, level := range recordedVersions {
					c := s.dial()
					connect := connectWith(level, 0x82, 60, nil, "c1", strings.Repeat("u", 2000))
					c.sendAs(c.framed(connect[:20]), fmt.Sprintf("CONNECT level %d, 20 of %d bytes", level, len(connect)))
					s.sentAway(c)
				}
			},
		},
		{
			name: "connect-timeout", about: "Half a CONNECT, and no more in time. TLS owes a close_notify (RFC 8446, 6.1).\n" +
				"Over WebSocket a close frame says why.",
			in: recordingMode.reads, settings: "timeouts: {connect_packet: 3s}",
			play: func(s *scene) {
				c := s.dial()
				c.sendAs(c.framed(connectOf(5, "c1")[:9]), "half a CONNECT")
				s.sentAway(c)
			},
		}, {
			name: "client-gone", about: "A client that leaves within its CONNECT. Whether TLS, which it has ended, is answered with a close_notify is for the rebuild to decide.", in: recordingMode.reads,
			play: func(s *scene) {
				c := s.dial()
				c.sendAs(c.framed(connectOf(5, "c1")[:9]), "half a CONNECT")
				c.fin()
				c.end()
				s.end()
				c = s.dial()
				c.sendAs(c.framed(connectOf(5, "c1")[:9]), "half a CONNECT")
				c.reset()
				s.end()
			},
		}, {
			name: "client-gone-at-once", about: "A client that says nothing at all. Its line has the level debug.", in: recordingMode.reads,
			settings: "log: {level: debug, format: json}",
			play: func(s *scene) {
				c := s.dialAs(arrival{bare: true})
				c.fin()
				c.end()
				s.end()
			},
		},
	}
}
