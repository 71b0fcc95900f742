package main_test

import (
	"encoding/binary"
	"fmt"
)

// proxyHeaders are scenarios with PROXY headers, sent to nodes or received from proxies.
func proxyHeaders() (all []*scenario) {
	for _, version := range []string{"v1", "v2"} {
		all = append(all, &scenario{
			name: "proxy-header-out-" + version, about: "A node is told who the client is, before all else; in version 2 of its TLS, too.",
			pool: ", proxy_protocol: " + version,
			play: func(s *scene) {
				c, n := s.open(4)
				s.part(c, n)
			},
		}, &scenario{
			name: "proxy-header-in-" + version, about: "A trusted proxy says who the client is, and the node and the log hear it.",
			listener: ", proxy_protocol: accept, trusted_proxies: [127.0.0.0/8]", pool: ", proxy_protocol: v2",
			play: func(s *scene) {
				before := proxyV2(1, "192.0.2.7", 4000, "192.0.2.1", 1883)
				if version == "v1" {
					before = []byte("PROXY TCP4 192.0.2.7 192.0.2.1 4000 1883\r\n")
				}
				c := s.dialAs(arrival{before: before, said: "PROXY " + version + " from 192.0.2.7:4000 to 192.0.2.1:1883"})
				c.send(connectOf(5, "c1"))
				s.part(c, s.welcome(c, 5))
			},
		})
	}
	return append(all, &scenario{
		name: "proxy-header-in-local", about: "A proxy that comes on its own account is a client itself.",
		listener: ", proxy_protocol: accept, trusted_proxies: [127.0.0.0/8]", pool: ", proxy_protocol: v2",
		play: func(s *scene) {
			for _, before := range [][]byte{proxyV2(0, "192.0.2.7", 4000, "192.0.2.1", 1883), []byte("PROXY UNKNOWN\r\n")} {
				c := s.dialAs(arrival{before: before, said: fmt.Sprintf("%q", before)})
				c.send(connectOf(4, "c1"))
				s.part(c, s.welcome(c, 4))
			}
		},
	}, &scenario{
		name: "bad-proxy-header", about: "A trusted proxy must begin with a header.",
		listener: ", proxy_protocol: accept, trusted_proxies: [127.0.0.0/8]",
		play: func(s *scene) {
			for _, before := range []string{"PROXY TCP5 a b c d\r\n", string(connectOf(4, "c1")), "\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x00"} {
				c := s.dialAs(arrival{bare: true, before: []byte(before), said: fmt.Sprintf("%q", before)})
				s.sentAway(c)
			}
		},
	}, &scenario{
		name: "untrusted-proxy", about: "A header of a peer that is not trusted.",
		in:       recordingMode.reads,
		listener: ", proxy_protocol: accept, trusted_proxies: [127.0.0.9]",
		play: func(s *scene) {
			for _, before := range [][]byte{proxyV2(1, "192.0.2.7", 4000, "192.0.2.1", 1883), []byte("PROXY TCP4 192.0.2.7 192.0.2.1 4000 1883\r\n")} {
				c := s.dialAs(arrival{bare: true, before: before, said: fmt.Sprintf("%q", before)})
				s.sentAway(c)
			}
		},
	})
}

// proxyV2 returns a header of version 2. Command 1 is PROXY, 0 is LOCAL.
func proxyV2(command byte, source string, sourcePort uint16, destination string, destinationPort uint16) []byte {
	b := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), 0x20|command, 0x11, 0, 12)
	for _, ip := range []string{source, destination} {
		var a [4]byte
		_, _ = fmt.Sscanf(ip, "%d.%d.%d.%d", &a[0], &a[1], &a[2], &a[3])
		b = append(b, a[:]...)
	}
	b = binary.BigEndian.AppendUint16(b, sourcePort)
	return binary.BigEndian.AppendUint16(b, destinationPort)
}
