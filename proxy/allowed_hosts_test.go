package proxy

import (
	"strings"
	"testing"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// The hosts of a listener are those of its upgrades and of its other requests. All spellings of a host are one.
func TestAllowedHostsOfRequests(t *testing.T) {
	r := dashboard(t, func(s *snapshot.Snapshot) {
		s.Listeners[0].Hosts = []string{"broker.example", "*.example.net", "127.0.0.1", "2001:db8::1"}
	})
	get := func(line, host string) string {
		if host != "" {
			host = "Host: " + host + "\r\n"
		}
		return line + "\r\n" + host + "Connection: close\r\n\r\n"
	}
	const page = "GET /page/a HTTP/1.1"
	for _, row := range []struct {
		name, sent string
		status     int
	}{
		{"a host", get(page, "broker.example"), 200},
		{"with a port", get(page, "broker.example:18083"), 200},
		{"in capitals and with a root dot", get(page, "BROKER.example.:80"), 200},
		{"below a wildcard", get(page, "a.b.example.net"), 200},
		{"an address", get(page, "127.0.0.1:1"), 200},
		{"an IPv6 address", get(page, "[2001:db8::1]"), 200},
		{"with a port, in another spelling", get(page, "[2001:DB8:0:0::1]:80"), 200},
		{"in the target", get("GET http://broker.example/page/a HTTP/1.1", "other.example"), 200},
		{"of HTTP/1.0", get("GET /page/a HTTP/1.0", "broker.example"), 200},
		{"an upgrade", upgradeRequest(), 101},

		{"another host", get(page, "other.example"), 421},
		{"the host of the wildcard", get(page, "example.net"), 421},
		{"another address", get(page, "127.0.0.2"), 421},
		{"another IPv6 address", get(page, "[2001:db8::2]"), 421},
		{"another one in the target", get("GET http://other.example/page/a HTTP/1.1", "broker.example"), 421},
		{"a host before another one's", get(page, "broker.example.evil.test"), 421},
		{"none in HTTP/1.0", get("GET /page/a HTTP/1.0", ""), 421},
		{"an empty one", get(page, " "), 421},
		{"another one without a route", get("GET /nothing HTTP/1.1", "other.example"), 421},
		{"the whole server", get("OPTIONS * HTTP/1.1", "other.example"), 421},
		{"a tunnel", get("CONNECT other.example:443 HTTP/1.1", "broker.example"), 421},
		{"an upgrade for another host", upgradeRequest("Host: other.example"), 421},
		{"no route", get("GET /nothing HTTP/1.1", "broker.example"), 404},
		{"no host", get(page, ""), 400}, // net/http's own answer
	} {
		c := r.dialBare(r.srv.Addr("mqtt"))
		c.send([]byte(row.sent))
		resp, body := c.response() //nolint:bodyclose // response has read and closed it
		if resp.StatusCode != row.status {
			t.Errorf("%s: answered %s %q, want %d", row.name, resp.Status, body, row.status)
		}
		if row.status == 421 && !strings.Contains(body, " is not served here") {
			t.Errorf("%s: answered %q", row.name, body)
		}
		_ = c.Close()
	}
	r.waitOutcome(outcome.BadUpgrade, 2) // the upgrade for another host, and net/http's own answer
	r.waitOutcome(outcome.ClientGone, 1) // of the upgrade that was taken
	r.waitLine(`msg=request listener=mqtt client=127.0.0.1:`)
	r.waitLine(`host=other.example path=/page/a status=421`)
}

// A connection with requests for an allowed host and then for another one ends there.
func TestAnotherHostEndsTheConnection(t *testing.T) {
	r := dashboard(t, func(s *snapshot.Snapshot) { s.Listeners[0].Hosts = []string{"broker.example"} })
	c := r.dialBare(r.srv.Addr("mqtt"))
	page := "GET /page/a HTTP/1.1\r\nHost: broker.example\r\n\r\n"
	c.send([]byte(page + strings.Replace(page, "broker", "other", 1) + page))
	got := string(c.rest())
	if strings.Count(got, "HTTP/1.1 200") != 1 || strings.Count(got, "HTTP/1.1 421") != 1 || strings.Count(got, "HTTP/1.1 ") != 2 {
		t.Errorf("answered %q", got)
	}
	_ = c.Close()
	r.waitOutcome(outcome.HTTPServed, 1)
}
