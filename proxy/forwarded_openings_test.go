package proxy

import (
	"net"
	"testing"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// proxies are the ways in which a client comes from the address of a proxy: what the proxy has sent before it
// is known who the client is, and the rest.
var proxies = map[string]struct {
	mode
	setting
	begun, rest string
}{
	"an HTTP proxy":           {wsToMQTT, behindProxy127, "GET /mqtt HTTP/1.1\r\n", upgradeRequest("+X-Forwarded-For: 203.0.113.7")[len("GET /mqtt HTTP/1.1\r\n"):]},
	"a proxy of http":         {httpToWS, behindProxy127, "GET /mqtt HTTP/1.1\r\n", upgradeRequest("+X-Forwarded-For: 203.0.113.7")[len("GET /mqtt HTTP/1.1\r\n"):]},
	"a proxy's PROXY headers": {mqttToMQTT, func(s *snapshot.Snapshot) { behindProxy127(s); s.Listeners[0].AcceptProxy = true }, "PROXY TCP4 203.0", ".113.7 192.0.2.9 40000 1883\r\n"},
}

// finish sends the rest of a client that a proxy has begun, and opens its session.
func (r *rig) finish(m mode, c *client, rest string) {
	r.t.Helper()
	c.send([]byte(rest))
	connect, connack := connect311, connack311
	if m.clientWS() {
		if resp, body := c.response(); resp.StatusCode != 101 { //nolint:bodyclose // response has read and closed it
			r.t.Fatalf("answered %s %q", resp.Status, body)
		}
		connect, connack = clientFrame(finBinary, connect311), connackFrame
	}
	c.send(connect)
	c.expect(connack)
}

// When all places are taken, the many openings of a proxy do not give way to others, but those of a flood give
// way to a proxy's.
func TestOpeningsOfAProxyDoNotGiveWay(t *testing.T) {
	needLoopbackNetwork(t)
	for name, p := range proxies {
		t.Run(name, func(t *testing.T) {
			const places = 20
			r := p.start(t, []string{p.startNode(t, nil).address()}, p.setting, func(s *snapshot.Snapshot) {
				s.MaxConnections, s.Timeouts.ConnectPacket = places, time.Hour
			})
			held := func() int {
				r.srv.openingMemory.mu.Lock()
				defer r.srv.openingMemory.mu.Unlock()
				n := 0
				for _, h := range r.srv.openingMemory.byAddress {
					n += h.openings.Len()
				}
				return n
			}
			var slow []*client
			for range places / 2 {
				c := r.dialFrom("127.0.0.1")
				c.send([]byte(p.begun))
				slow = append(slow, c)
			}
			eventually(t, "the openings of the proxy", func() bool { return held() == places/2 })
			var flood []net.Conn
			for range places / 2 {
				c := r.dialFrom("127.0.0.2")
				c.send([]byte{'G'})
				flood = append(flood, c)
			}
			eventually(t, "a full server", func() bool { return held() == places })
			for range places/2 - 1 { // the last opening of the flood is one of a good client
				c := r.dialFrom("127.0.0.1")
				c.send([]byte(p.begun))
				slow = append(slow, c)
			}
			r.waitOutcome(outcome.RefusedConnections, places/2-1)
			for _, c := range slow {
				r.finish(p.mode, c, p.rest)
			}
			for _, c := range flood {
				_ = c.Close()
			}
		})
	}
}

// Once a client is known, its opening is that of its own address: a flood through a proxy evicts itself.
func TestAFloodThroughAProxyIsOfOneAddress(t *testing.T) {
	needLoopbackNetwork(t)
	for name, p := range proxies {
		t.Run(name, func(t *testing.T) {
			const places = 10
			r := p.start(t, []string{p.startNode(t, nil).address()}, p.setting, func(s *snapshot.Snapshot) {
				s.MaxConnections, s.Timeouts.ConnectPacket = places, time.Hour
			})
			for range places {
				c := r.dialFrom("127.0.0.1")
				c.send([]byte(p.begun))
				eventually(t, "an opening", func() bool { return r.srv.openingMemory.size() > 0 })
				c.send([]byte(p.rest))
				if p.clientWS() {
					_, _ = c.response() //nolint:bodyclose // response has read and closed it
				}
			}
			eventually(t, "a flood of one address", func() bool {
				r.srv.openingMemory.mu.Lock()
				defer r.srv.openingMemory.mu.Unlock()
				for _, h := range r.srv.openingMemory.byAddress {
					return len(r.srv.openingMemory.byAddress) == 1 && h.openings.Len() == places
				}
				return false
			})
			r.openGood(p.mode)
			r.waitOutcome(outcome.RefusedConnections, 1)
		})
	}
}

// openGood opens a session of a client that needs no proxy.
func (r *rig) openGood(m mode) {
	r.t.Helper()
	c := r.dialFrom("127.0.0.3")
	rest := ""
	if m.clientWS() {
		rest = upgradeRequest()
	}
	r.finish(m, c, rest)
}
