package main_test

import (
	"fmt"
	"slices"
	"strings"
)

// limitRefusals are scenarios of clients over a limit. Where the CONNECT is read, a client
// gets a CONNACK of its version. Before TLS, and where nothing is read, it is closed.
func limitRefusals() []*scenario {
	past := func(s *scene) {
		held := s.hold()
		for _, level := range recordedVersions {
			s.refused(connectOf(level, "c1"))
		}
		s.release(held)
	}
	return []*scenario{{
		name: "max-connections", about: "A second session where the listener takes one.", listener: ", max_connections: 1", play: past,
	}, {
		name: "nodes-full", about: "A second session where the node takes one.", node: ", max_connections: 1", play: past,
		in: recordingMode.reads,
	}, {
		name: "address-connections", about: "A second connection of an address that may have one.",
		settings: "limits: {max_connections_per_address: 1}", play: past,
	}, {
		name: "connect-rate", about: "More CONNECTs than one a second.", settings: "limits: {connect_rate: 1}", in: recordingMode.reads,
		uncounted: true, play: (*scene).pastRate,
	}, {
		name: "address-rate", about: "More connections of an address than one a second.", settings: "limits: {connect_rate_per_address: 1}",
		uncounted: true, play: (*scene).pastRate,
	}}
}

// pastRate records a client of each version over the rate. On a machine that stalls for
// a second a client may be within the rate; that client is not recorded.
func (s *scene) pastRate() {
	s.serveNode()
	for _, level := range recordedVersions {
		for {
			s.quietly(func() { s.comeAndGo(connectOf(level, "c0")) })
			before := s.text.String()
			s.comeAndGo(connectOf(level, "c1"))
			if !strings.Contains(s.text.String()[len(before):], "_closed") {
				break
			}
			s.text.Reset()
			s.text.WriteString(before)
		}
	}
}

// comeAndGo is a client that may be refused or not.
func (s *scene) comeAndGo(connect []byte) {
	c := s.dial()
	if s.mayConnect(c) {
		c.send(connect)
		line, ended := c.next()
		switch {
		case ended && !s.mode.reads():
			c.notef("< closed") // see turnAway
		default:
			c.notef("< %s", strings.ReplaceAll(line, "\n", "\nclient < "))
			if strings.Contains(line, "[20 02 00 00]") || strings.Contains(line, "[20 03 00 00 00]") {
				c.finTCP()
			}
		}
	}
	s.sentAway(c)
}

// source returns the client address of the scene's mode. Each mode has its own, since
// limits per address count over all listeners.
func (s *scene) source() string {
	return fmt.Sprintf("127.0.1.%d", 1+slices.Index(recordingModes, s.mode))
}

// nodeRefusals are scenarios of clients that get no node.
func nodeRefusals() []*scenario {
	all := func(s *scene) {
		for _, level := range recordedVersions {
			s.refused(connectOf(level, "c1"))
		}
	}
	return []*scenario{{
		name: "dial-failed", about: "Nobody listens at the node's address.", in: recordingMode.reads, dead: true, play: all,
	}, {
		name: "node-down", about: "The probes have found the only node down. It is tried before the client is refused.",
		in: recordingMode.reads, dead: true, health: "{interval: 100ms, timeout: 100ms, fall: 1}",
		play: func(s *scene) {
			if _, err := s.balancer.await(1, "node", "down", fmt.Sprintf("%q", s.mode.id())); err != nil {
				s.failf("%v", err)
			}
			all(s)
		},
	}, {
		name: "upgrade-refused", about: "The node answers the upgrade with something else.", in: recordingMode.upgrades,
		nodeSays: "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
		play: func(s *scene) {
			for _, level := range recordedVersions {
				c := s.dial()
				c.send(connectOf(level, "c1"))
				s.accept()
				s.sentAway(c)
			}
		},
	}, {
		name: "node-resets-in-upgrade", about: "The node resets in the midst of its answer to the upgrade.", in: recordingMode.upgrades,
		nodeSays: "HTTP/1.1 101 Swi",
		play: func(s *scene) {
			c := s.dial()
			c.send(connectOf(5, "c1"))
			s.accept().reset()
			s.sentAway(c)
		},
	}, {
		name: "node-without-tls", about: "The node closes in the TLS handshake.", in: func(m recordingMode) bool { return m.nodeTLS },
		play: func(s *scene) {
			for _, level := range recordedVersions {
				c := s.dial()
				c.send(connectOf(level, "c1"))
				n := s.acceptBare()
				n.sendAs([]byte("no TLS\r\n"), "no TLS")
				s.sentAway(c)
			}
		},
	}}
}
