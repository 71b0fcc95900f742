package main_test

// relays are scenarios of the relay and of how streams end.
func relays() []*scenario {
	return []*scenario{{
		name: "relay", about: "Packets of all sizes, both ways.",
		play: func(s *scene) {
			c, n := s.open(4)
			for _, size := range []int{0, 1, 100, 16 << 10, 70_000, 300_000} {
				c.send(publishOf(patterned(size)))
				n.read(1)
				n.send(publishOf(patterned(size + 1)))
				c.read(1)
			}
			c.send(pingreqPacket, publishOf(patterned(10)), subscribePacket)
			n.read(3)
			n.send(pingrespPacket, publishOf(patterned(10)), subackPacket)
			c.read(3)
			s.part(c, n)
		},
	}, {
		name: "relay-drip", about: "Packets byte by byte, both ways.",
		play: func(s *scene) {
			c, n := s.open(4)
			c.drip(subscribePacket)
			n.read(1)
			n.drip(subackPacket)
			c.read(1)
			s.part(c, n)
		},
	}, {
		name: "half-close-by-client", about: "A client ends its stream, and the node still sends.\n" +
			"A WebSocket client does so without a close frame.",
		play: func(s *scene) {
			c, n := s.open(4)
			c.send(pingreqPacket)
			c.fin()
			n.end()
			n.send(pingrespPacket, publishOf(patterned(100_000)))
			c.read(2)
			n.fin()
			c.end()
			s.end()
		},
	}, {
		name: "half-close-by-node", about: "A node ends its stream, and the client still sends.\n" +
			"A WebSocket node does so without a close frame.",
		play: func(s *scene) {
			c, n := s.open(4)
			n.send(pingrespPacket)
			n.fin()
			c.end()
			c.send(pingreqPacket, publishOf(patterned(100_000)))
			n.read(2)
			c.fin()
			n.end()
			s.end()
		},
	}, {
		name: "client-reset", about: "A reset travels.",
		play: func(s *scene) {
			c, n := s.open(4)
			c.reset()
			n.end()
			s.end()
		},
	}, {
		name: "node-reset", about: "A reset travels.",
		play: func(s *scene) {
			c, n := s.open(4)
			n.reset()
			c.end()
			s.end()
		},
	}, {
		name: "client-writes-to-a-closed-node", about: "A node has closed altogether and answers what the client still writes with a RST, which is not noticed today: the session\n" +
			"ends after timeouts.half_closed. Whether it should end with the RST is for the rebuild to decide.",
		settings: "timeouts: {half_closed: 5s}",
		play: func(s *scene) {
			c, n := s.open(4)
			n.fin()
			c.end()
			_ = n.tcp.Close()
			c.send(pingreqPacket)
			s.end()
		},
	}, {
		name: "node-closes-with-bytes-pending", about: "What a node sends before its end arrives before it.",
		play: func(s *scene) {
			c, n := s.open(4)
			n.sendBulk(8)
			n.fin()
			c.readBulk(8)
			c.end()
			c.fin()
			n.end()
			s.end()
		},
	}, {
		name: "client-closes-with-bytes-pending", about: "What a client sends before its end arrives before it.",
		play: func(s *scene) {
			c, n := s.open(4)
			c.sendBulk(8)
			c.fin()
			n.readBulk(8)
			n.end()
			n.fin()
			c.end()
			s.end()
		},
	}, {
		name: "slow-client", about: "Nothing is lost where a client reads late.",
		play: func(s *scene) {
			c, n := s.open(4)
			s.lateReader(n, c)
			s.part(c, n)
		},
	}, {
		name: "slow-node", about: "Nothing is lost where a node reads late.",
		play: func(s *scene) {
			c, n := s.open(4)
			s.lateReader(c, n)
			s.part(c, n)
		},
	}}
}

// ends are scenarios in which mqttlb ends a session because one side has ended and the other has not. For other ends see
// idles and stops.
func ends() []*scenario {
	const about = "TLS gets a close_notify, and WebSocket a close frame 1001."
	return []*scenario{{
		name: "half-closed-timeout-client", about: "A client has ended its stream, and the node does not end its own.\n" + about,
		settings: "timeouts: {half_closed: 1s}",
		play: func(s *scene) {
			c, n := s.open(5)
			c.fin()
			n.end()
			c.end()
			n.fin()
			s.end()
		},
	}, {
		name: "half-closed-timeout-node", about: "A node has ended its stream, and the client does not end its own.\n" + about,
		settings: "timeouts: {half_closed: 1s}",
		play: func(s *scene) {
			c, n := s.open(5)
			n.fin()
			c.end()
			n.end()
			c.fin()
			s.end()
		},
	}}
}
