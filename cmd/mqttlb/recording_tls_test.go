package main_test

import (
	"crypto/tls"
)

// askingForC1 is a tls section that requires the certificate of c1.
func askingForC1(more ...string) []string {
	return append([]string{"client_ca: ${ca}", "client_auth: require"}, more...)
}

// tlsRefusals are scenarios in which a client is refused for its TLS or its certificate.
func tlsRefusals() []*scenario {
	return []*scenario{{
		name: "not-tls", about: "Clients that do not speak TLS where it is served.", in: recordingMode.terminates,
		play: func(s *scene) {
			c := s.dialAs(arrival{bare: true})
			c.sendAs([]byte("GET / HTTP/1.1\r\nHost: broker.example\r\n\r\n"), "GET / HTTP/1.1")
			c.response()
			s.sentAway(c)
			c = s.dialAs(arrival{bare: true})
			c.send(connectOf(4, "c1"))
			s.sentAway(c)
		},
	}, {
		name: "no-shared-version", about: "A client of TLS 1.1.", in: recordingMode.terminates,
		play: func(s *scene) {
			config := s.clientTLS.Clone()
			config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			s.sentAway(s.dialAs(arrival{tls: config}))
		},
	}, {
		name: "no-client-certificate", about: "A client that shows no certificate where one is required. In TLS 1.3 it hears of that after its handshake.",
		in: recordingMode.terminates, tls: askingForC1(),
		play: func(s *scene) {
			c := s.dialAs(arrival{noUp: true})
			c.end()
			c.finTCP()
			s.end()
		},
	}, {
		name: "identity-mismatch", about: "The certificate names c1.", in: recordingMode.terminates, tls: askingForC1("require_identity: client_id"),
		play: func(s *scene) {
			for _, level := range recordedVersions {
				c := s.dialAs(arrival{tls: s.ownTLS})
				c.send(connectOf(level, "c2"))
				s.sentAway(c)
			}
			c := s.dialAs(arrival{tls: s.ownTLS})
			c.send(connectOf(4, "c1"))
			s.part(c, s.welcome(c, 4))
		},
	}, {
		name: "broken-tls-before-connect", about: "A record of TLS that cannot be decrypted, after the handshake and before the CONNECT.",
		in: recordingMode.terminates,
		play: func(s *scene) {
			c := s.dial()
			c.breakTLS()
			s.turnAway(c)
			s.end()
		},
	}, {
		name: "broken-tls", about: "The same after the CONNECT.", in: recordingMode.terminates,
		play: func(s *scene) {
			c, n := s.open(4)
			c.breakTLS()
			c.end()
			n.end()
			s.end()
		},
	}, {
		name: "tls-close-notify-alone", about: "A close_notify ends a stream as a FIN does.", in: recordingMode.terminates,
		play: func(s *scene) {
			c, n := s.open(4)
			c.closeTLS()
			n.end()
			n.send(pingrespPacket)
			c.read(1)
			n.fin()
			c.end()
			c.finTCP()
			s.end()
		},
	}, {
		name: "tls-fin-alone", about: "So does a FIN without a close_notify.", in: recordingMode.terminates,
		play: func(s *scene) {
			c, n := s.open(4)
			c.finTCP()
			n.end()
			n.send(pingrespPacket)
			c.read(1)
			n.fin()
			c.end()
			s.end()
		},
	}, {
		name: "node-tls-close-notify-alone", about: "The same of a node.", in: func(m recordingMode) bool { return m.nodeTLS },
		play: func(s *scene) {
			for _, end := range []func(*endpoint){(*endpoint).closeTLS, (*endpoint).finTCP} {
				c, n := s.open(4)
				end(n)
				c.end()
				c.send(pingreqPacket)
				n.read(1)
				c.fin()
				n.end()
				n.finTCP()
				s.end()
			}
		},
	}}
}

// breakTLS sends a record that is not encrypted with the session's keys.
func (e *endpoint) breakTLS() {
	e.notef("> a record of TLS that cannot be decrypted")
	_, _ = e.tcp.Write(append([]byte{0x17, 3, 3, 0, 32}, patterned(32)...))
}
