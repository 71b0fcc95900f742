package main_test

import (
	"fmt"
	"time"
)

// upgradeRefusals are scenarios of requests that are not a valid upgrade.
func upgradeRefusals() []*scenario {
	changes := []string{
		"POST /mqtt HTTP/1.1",
		"Upgrade: -",
		"GET /mqtt HTTP/1.0",
		"Sec-WebSocket-Version: 8",
		"Sec-WebSocket-Key: -",
		"Sec-WebSocket-Key: short",
		"Content-Length: 1",
		"Origin: https://elsewhere.example",
		"Sec-WebSocket-Protocol: amqp",
		"Sec-WebSocket-Protocol: -",
		"Host: -",
	}
	play := func(changes []string, others ...[]byte) func(*scene) {
		return func(s *scene) {
			for _, change := range changes {
				s.turnAway(s.dialAs(arrival{request: upgradeText(change), asked: fmt.Sprintf("an upgrade with %.60q", change)}))
			}
			for _, other := range others {
				s.turnAway(s.dialAs(arrival{request: string(other), asked: describeBytes(other)}))
			}
			s.endAll(len(changes) + len(others)) // over TLS each lingers for two seconds, see upgrade-refused-client-leaves
		}
	}
	route := ", allowed_origins: [\"https://*.a.example\"]"
	return []*scenario{{
		name: "bad-upgrade", about: "Requests that are no upgrade to MQTT over WebSocket.",
		in: recordingMode.clientWS, route: route, play: play(changes, []byte("no HTTP\r\n\r\n")),
	}, {
		name: "bad-upgrade-too-large", about: "A header that is longer than limits.max_header_size. How much of it is read differs from run to run.",
		in: recordingMode.clientWS, settings: "limits: {max_header_size: 8KiB}", unmeasured: true,
		play: play([]string{"X-Large: " + fmt.Sprintf("%x", patterned(9<<10))}),
	}, {
		name: "bad-upgrade-elsewhere", about: "Paths and hosts that are not served, and MQTT without WebSocket.",
		in: func(m recordingMode) bool { return m.protocol == "ws" }, ws: ", allowed_hosts: [broker.example]",
		play: play([]string{"GET /other HTTP/1.1", "Host: elsewhere.example"}, connectOf(4, "c1"), []byte("\x16\x03\x01\x00\x05")),
	}, {
		name: "upgrade-refused-client-leaves", about: "A refused client that leaves at once is gone at once.",
		in: recordingMode.clientWS, uncounted: true, play: (*scene).leaveAfterRefusal,
	}}
}

// leaveAfterRefusal records whether a refused session stays after its client has left.
// On a machine that stalls it seems to stay, so it is tried again.
func (s *scene) leaveAfterRefusal() {
	const stays = 1900 * time.Millisecond // a refused session lingers for two seconds
	try := func() bool {
		began := time.Now()
		s.turnAway(s.dialAs(arrival{request: upgradeText("Sec-WebSocket-Protocol: amqp"), asked: "an upgrade to amqp"}))
		s.end()
		return time.Since(began) < stays
	}
	gone := try()
	for range 2 {
		s.quietly(func() { gone = gone || try() })
	}
	if gone {
		s.notef("the session ends when the client leaves")
	} else {
		s.notef("the session stays after the client has left")
	}
}
