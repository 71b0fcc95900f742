package proxy

import (
	"bufio"
	"io"
	"strings"
	"testing"

	"mqttlb/mqttparse"
	"mqttlb/proxy/match"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// Behind an HTTP proxy a rule by address is about each client of the connection, which goes on after a refusal. An upgrade is
// answered, because its CONNACK has the code.
func TestRulesDecideAboutEachRequestOfAProxy(t *testing.T) {
	r := dashboard(t, ruledBy(deny("guest", match.Match{Networks: networksOf("203.0.113.7/32")}), deny("id", match.Match{ClientID: exactly("a")})), behindProxy127)
	c := r.dialBare(r.srv.Addr("mqtt"))
	in := bufio.NewReader(c)
	of := func(address string) string { return "X-Forwarded-For: " + address }
	for range 2 {
		if got := c.get(in, "/page/", of("203.0.113.7")); got != "403 not allowed here\n" {
			t.Errorf("the guest is answered %q", got)
		}
		if got := c.get(in, "/page/", of("203.0.113.8")); !strings.HasPrefix(got, "200 ") {
			t.Errorf("another one is answered %q", got)
		}
	}
	r.waitLine("status=403")
	r.waitLine(`rule \"guest\" denies it`)

	up, status := r.forward(r.dialBare(r.srv.Addr("mqtt")), "203.0.113.7")
	if status != 101 {
		t.Fatalf("the guest's upgrade is answered %d", status)
	}
	up.send(device{id: "c", username: "-"}.connect(mqttparse.V5))
	if got := string(up.rest()); got != "\x20\x03\x00\x8a\x00" {
		t.Errorf("the guest's CONNECT is answered %q", got)
	}
	r.waitOutcome(outcome.Denied, 1)
	if n, other := r.matched("guest"), r.matched("id"); n != 3 || other != 0 {
		t.Errorf("%d and %d are counted, want 3 and 0", n, other)
	}
}

// A request that a rule refuses ends the connection of its own client.
func TestARuleThatRefusesARequestEndsTheConnection(t *testing.T) {
	r := dashboard(t, ruledBy(deny("loopback", match.Match{Networks: networksOf("127.0.0.0/8")})))
	c := r.dialBare(r.srv.Addr("mqtt"))
	c.send([]byte("POST /page/ HTTP/1.1\r\nHost: broker.example\r\nContent-Length: 4\r\n\r\nbody"))
	b, err := io.ReadAll(c)
	if got := string(b); err != nil || !strings.HasPrefix(got, "HTTP/1.1 403 ") || !strings.Contains(got, "Connection: close") {
		t.Errorf("answered %q, %v", got, err)
	}
	r.waitOutcome(outcome.HTTPServed, 1)
	if n := r.matched("loopback"); n != 1 {
		t.Errorf("%d are counted", n)
	}
}

// Where no CONNECT is read, a client that a rule refuses is closed.
func TestARuleClosesAClientWhoseBytesAreNotRead(t *testing.T) {
	for _, protocol := range []snapshot.Protocol{snapshot.TCP, snapshot.Passthrough} {
		t.Run(protocol.String(), func(t *testing.T) {
			r := start(t, []string{startNode(t, nil).address()}, ruledBy(deny("loopback", match.Match{Networks: networksOf("127.0.0.0/8")})),
				func(s *snapshot.Snapshot) { s.Listeners[0].Protocol = protocol })
			c := r.dialBare(r.srv.Addr("mqtt"))
			if protocol == snapshot.Passthrough {
				c.send(hello(t))
			}
			if got := c.rest(); len(got) > 0 {
				t.Errorf("told %q", got)
			}
			r.waitOutcome(outcome.Denied, 1)
			r.waitLine("outcome=denied rule=loopback")
			if r.node(0).Open() != 0 || r.matched("loopback") != 1 {
				t.Errorf("%d sessions on the node, %d counted", r.node(0).Open(), r.matched("loopback"))
			}
		})
	}
}
