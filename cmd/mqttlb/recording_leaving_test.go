package main_test

import "syscall"

// goodbyes describes, in the file of a scenario, how mqttlb ends a session.
const goodbyes = "A client of MQTT 5 gets a DISCONNECT, WebSocket a close frame 1001, TLS a close_notify, and then comes the FIN;\n" +
	"a node never gets a DISCONNECT."

// leave records how mqttlb ends a session, first at the client, then at the node.
func (s *scene) leave(client, node *endpoint) {
	client.end()
	node.end()
	client.finTCP()
	node.finTCP()
	s.end()
}

// idles are scenarios in which a session is silent for too long.
func idles() []*scenario {
	return []*scenario{{
		name: "idle-v3", about: "timeouts.idle, MQTT 3.1.1.\n" + goodbyes, settings: "timeouts: {idle: 2s}",
		play: func(s *scene) { s.leave(s.open(4)) },
	}, {
		name: "idle-v5", about: "timeouts.idle, MQTT 5.\n" + goodbyes, settings: "timeouts: {idle: 2s}", in: recordingMode.reads,
		play: func(s *scene) { s.leave(s.open(5)) },
	}, {
		name: "keep-alive", about: "One and a half times the client's keep alive, and five seconds.\n" + goodbyes, in: recordingMode.reads,
		play: func(s *scene) {
			c := s.dial()
			c.send(connectWith(5, 2, 1, nil, "c1"))
			s.leave(c, s.welcome(c, 5))
		},
	}, {
		name: "server-keep-alive", about: "The node's Server Keep Alive takes the place of the client's (5, 3.2.2.3.14).\n" + goodbyes,
		in: recordingMode.reads,
		play: func(s *scene) {
			c := s.dial()
			c.send(connectOf(5, "c1"))
			n := s.accept()
			n.read(1)
			n.send(connackOf(5, 0, 0x13, 0, 1))
			c.read(1)
			s.leave(c, n)
		},
	}}
}

// stopping waits until mqttlb has begun to stop.
func (s *scene) stopping() error {
	_, err := s.balancer.await(1, `"msg":"stopping"`)
	return err
}

// stops are scenarios with SIGTERM.
func stops() []*scenario {
	remain := func(level byte) func(*scene) {
		return func(s *scene) {
			c, n := s.open(level)
			s.signal(syscall.SIGTERM, s.stopping)
			s.leave(c, n)
		}
	}
	return []*scenario{{
		name: "stop-sessions-end", about: "After SIGTERM sessions go on until they end by themselves.", settings: "timeouts: {shutdown: 1h}", stops: true,
		play: func(s *scene) {
			c, n := s.open(5)
			s.signal(syscall.SIGTERM, s.stopping)
			c.send(pingreqPacket)
			n.read(1)
			n.send(pingrespPacket)
			c.read(1)
			s.part(c, n)
		},
	}, {
		name: "stop-sessions-remain-v3", about: "Sessions of MQTT 3.1.1 that are left after timeouts.shutdown.\n" + goodbyes,
		settings: "timeouts: {shutdown: 1s}", stops: true, play: remain(4),
	}, {
		name: "stop-sessions-remain-v5", about: "Sessions of MQTT 5 that are left after timeouts.shutdown.\n" + goodbyes,
		settings: "timeouts: {shutdown: 1s}", stops: true, in: recordingMode.reads, play: remain(5),
	}, {
		name: "stop-in-an-opening", about: "A client whose CONNECT is on its way at SIGTERM is served.", settings: "timeouts: {shutdown: 1h}", stops: true,
		in: recordingMode.reads,
		play: func(s *scene) {
			c := s.dial()
			connect := c.framed(connectOf(5, "c1"))
			c.sendAs(connect[:9], "the CONNECT, its first half")
			s.signal(syscall.SIGTERM, s.stopping)
			c.sendAs(connect[9:], "the CONNECT, its second half")
			s.part(c, s.welcome(c, 5))
		},
	}, {
		name: "stop-in-an-opening-that-remains", about: "A client whose CONNECT does not come before timeouts.shutdown. Before a CONNACK there is no DISCONNECT;\n" +
			"WebSocket and TLS say goodbye. A client of which the version is known gets a CONNACK.",
		settings: "timeouts: {shutdown: 1s}", stops: true, in: recordingMode.reads,
		play: func(s *scene) {
			c := s.dial()
			c.sendAs(c.framed(connectOf(5, "c1"))[:9], "the CONNECT, its first half")
			s.signal(syscall.SIGTERM, s.stopping)
			s.sentAway(c)
		},
	}, {
		name: "stop-at-once", about: "A second SIGTERM ends the process, and all sessions with it, without a word or a line.", settings: "timeouts: {shutdown: 1h}", stops: true,
		play: func(s *scene) {
			c, n := s.open(5)
			s.signal(syscall.SIGTERM, s.stopping)
			s.signal(syscall.SIGTERM, func() error { return nil })
			c.end()
			n.end()
		},
	}}
}
