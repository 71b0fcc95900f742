package proxy

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// upgradeRequest returns a valid upgrade with changes: "Name: value" replaces the header, "-Name"
// removes it, and "+Name: value" adds one. A change without a colon replaces the request line.
func upgradeRequest(changes ...string) string {
	lines := []string{
		"GET /mqtt HTTP/1.1",
		"Host: broker.example",
		"Connection: Upgrade",
		"Upgrade: websocket",
		"Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
		"Sec-WebSocket-Protocol: mqtt",
	}
	for _, change := range changes {
		name, _, isHeader := strings.Cut(change, ":")
		switch {
		case strings.HasPrefix(change, "+"):
			lines = append(lines, change[1:])
		case !isHeader && !strings.HasPrefix(change, "-"):
			lines[0] = change
		default:
			for i, line := range lines {
				if strings.HasPrefix(line, strings.TrimPrefix(name, "-")+":") {
					lines[i] = pick(isHeader, change, "")
				}
			}
		}
	}
	var b strings.Builder
	for _, line := range lines {
		if line != "" {
			b.WriteString(line + "\r\n")
		}
	}
	return b.String() + "\r\n"
}

// oneHostAndOrigin admits one host, and the origins of one domain.
func oneHostAndOrigin(s *snapshot.Snapshot) {
	s.Listeners[0].Hosts = []string{"broker.example"}
	s.Listeners[0].Routes[0].Origins = []string{"https://*.example.com"}
}

// TestHostileUpgrades is the table of upgrades that are refused: the bytes, the answer, and the error
// in the log. Each row is sent whole and byte by byte, and ends the connection from our side.
func TestHostileUpgrades(t *testing.T) {
	proxytest.WaitAbreast(t)
	const badRequest = "400 Bad Request" // net/http's own
	rows := []struct {
		name, sent  string
		status      int
		body, fault string
		header      string // that the answer must have: "Name: value"
	}{
		{name: "another path", sent: upgradeRequest("GET / HTTP/1.1"), status: 404, body: `path "/" is not served here`, fault: `404: path \"/\" is not served here: MQTT is served at /mqtt"`},
		{name: "a path below", sent: upgradeRequest("GET /mqtt/ HTTP/1.1"), status: 404, body: `path "/mqtt/"`},
		{name: "a path that climbs", sent: upgradeRequest("GET /x/../../mqtt HTTP/1.1"), status: 400, body: "it climbs above the root"},
		{name: "the whole server", sent: upgradeRequest("OPTIONS * HTTP/1.1"), status: 404, body: `path "*"`},

		{name: "no upgrade", sent: upgradeRequest("-Upgrade"), status: 426, body: "MQTT over WebSocket is served here", header: "Upgrade: websocket"},
		{name: "an upgrade to HTTP/2", sent: upgradeRequest("Upgrade: h2c"), status: 426, body: "MQTT over WebSocket is served here"},
		{name: "no Connection: Upgrade", sent: upgradeRequest("Connection: keep-alive"), status: 426, body: "Connection: Upgrade"},
		{name: "HTTP/1.0", sent: upgradeRequest("GET /mqtt HTTP/1.0"), status: 426, body: "HTTP/1.1"},
		{name: "POST", sent: upgradeRequest("POST /mqtt HTTP/1.1"), status: 405, body: `method "POST": an upgrade to WebSocket is a GET`, header: "Allow: GET"},
		{name: "a method nobody knows", sent: upgradeRequest("BREW /mqtt HTTP/1.1"), status: 405, body: `method "BREW"`},

		{name: "version 8", sent: upgradeRequest("Sec-WebSocket-Version: 8"), status: 426, body: `Sec-WebSocket-Version "8": 13 is spoken here`, header: "Sec-WebSocket-Version: 13"},
		{name: "no version", sent: upgradeRequest("-Sec-WebSocket-Version"), status: 426, body: `Sec-WebSocket-Version ""`, header: "Sec-WebSocket-Version: 13"},
		{name: "two versions", sent: upgradeRequest("+Sec-WebSocket-Version: 8"), status: 426, body: `"13, 8"`, header: "Sec-WebSocket-Version: 13"},

		{name: "no key", sent: upgradeRequest("-Sec-WebSocket-Key"), status: 400, body: "0 Sec-WebSocket-Key headers"},
		{name: "two keys", sent: upgradeRequest("+Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), status: 400, body: "2 Sec-WebSocket-Key headers"},
		{name: "a key of 15 bytes", sent: upgradeRequest("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"), status: 400, body: "it must be 16 bytes in base64"},
		{name: "a key of 17 bytes", sent: upgradeRequest("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWU="), status: 400, body: "it must be 16 bytes in base64"},
		{name: "a key that is no base64", sent: upgradeRequest("Sec-WebSocket-Key: the sample nonce of mine"), status: 400, body: "it must be 16 bytes in base64"},

		{name: "no subprotocol", sent: upgradeRequest("-Sec-WebSocket-Protocol"), status: 400, body: `Sec-WebSocket-Protocol "": one of mqtt, mqttv3.1.1`},
		{name: "another subprotocol", sent: upgradeRequest("Sec-WebSocket-Protocol: wamp, mqtt5"), status: 400, body: `Sec-WebSocket-Protocol "wamp, mqtt5"`},

		{name: "another host", sent: upgradeRequest("Host: dashboard.example"), status: 421, body: `host "dashboard.example" is not served here`},
		{name: "no host", sent: upgradeRequest("-Host"), status: 400, body: "missing required Host header", fault: badRequest},
		{name: "two hosts", sent: upgradeRequest("+Host: broker.example"), status: 400, body: "several Host fields"},
		{name: "a page of another host", sent: upgradeRequest("+Origin: https://evil.example"), status: 403, body: `origin "https://evil.example" is not allowed here`},
		{name: "a page without TLS", sent: upgradeRequest("+Origin: http://app.example.com"), status: 403, body: "origin"},
		{name: "a page from nowhere", sent: upgradeRequest("+Origin: null"), status: 403, body: `origin "null"`},
		{name: "two pages", sent: upgradeRequest("+Origin: https://app.example.com", "+Origin: https://evil.example"), status: 403, body: "origin"},

		{name: "a body", sent: upgradeRequest("+Content-Length: 5") + "12345", status: 400, body: "has no body"},
		{name: "a body in chunks", sent: upgradeRequest("+Transfer-Encoding: chunked") + "0\r\n\r\n", status: 400, body: "has no body"},
		{name: "a length and chunks", sent: upgradeRequest("+Content-Length: 5", "+Transfer-Encoding: chunked") + "0\r\n\r\n", status: 400, body: "Content-Length and Transfer-Encoding"},
		{name: "two lengths", sent: upgradeRequest("+Content-Length: 0", "+Content-Length: 5"), status: 400, body: "several Content-Length fields"},

		{name: "a version nobody knows", sent: upgradeRequest("GET /mqtt HTTP/7.3"), status: 505, body: "HTTP/1.1 is spoken here"},
		{name: "a header without a colon", sent: "GET /mqtt HTTP/1.1\r\nHost broker.example\r\n\r\n", status: 400, body: "the name of a header field"},
		{name: "a header with a space in its name", sent: upgradeRequest("+X Y: 1"), status: 400, body: "the name of a header field"},
		{name: "a header past the limit", sent: upgradeRequest("+Cookie: " + strings.Repeat("c", 9<<10)), status: 431, fault: "431 Request Header Fields Too Large"},
		{name: "a request line without end", sent: "GET /" + strings.Repeat("a", 9<<10), status: 431, fault: "431 Request Header Fields Too Large"},
	}
	backend := startNode(t, nil)
	r := start(t, []string{backend.address()}, wsToMQTT.set, oneHostAndOrigin, func(s *snapshot.Snapshot) { s.MaxHeaderSize = 4 << 10 })
	var n uint64
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			for _, drip := range []bool{false, true} {
				c := r.dialBare(r.srv.Addr("mqtt"))
				c.t = t
				c.trickle([]byte(row.sent), drip)
				answer, body := c.response() //nolint:bodyclose // response has read and closed it
				if answer.StatusCode != row.status || !strings.Contains(body, row.body) || strings.TrimSpace(body) == "" {
					t.Errorf("drip %v: answered %s %q, want %d %q", drip, answer.Status, body, row.status, row.body)
				}
				if name, value, _ := strings.Cut(row.header, ": "); answer.Header.Get(name) != value {
					t.Errorf("drip %v: header %v, want %s", drip, answer.Header, row.header)
				}
				c.rest()
				_ = c.Close()
				n++
				r.waitOutcome(outcome.BadUpgrade, n)
				if row.fault == "" {
					row.fault = answer.Status[:3] + ": "
				}
				port := c.LocalAddr().String()
				line := lineWith(r, "client="+port+" ")
				if !strings.Contains(line, `outcome=bad_upgrade error="`+row.fault) {
					t.Errorf("drip %v: the log says %s, want %q", drip, line, row.fault)
				}
			}
		})
	}
	if got := backend.firstWrites(); len(got) > 0 {
		t.Errorf("the node was sent % x", got)
	}
}

// lineWith waits for a line of the log and returns it.
func lineWith(r *rig, part string) string {
	r.waitLine(part)
	for line := range strings.Lines(r.log.String()) {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}

// trickle sends b whole, or byte by byte until the server refuses it.
func (c *client) trickle(b []byte, drip bool) {
	c.t.Helper()
	if !drip {
		c.send(b)
		return
	}
	for i := range b {
		if _, err := c.Write(b[i : i+1]); err != nil {
			return
		}
	}
}

// response reads the answer to a request.
func (c *client) response() (*http.Response, string) {
	c.t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Errorf("the body of the answer: %v", err)
	}
	return resp, string(body)
}

// All forms that RFC 6455 and RFC 9110 allow, and the subprotocol that the server chooses.
func TestUpgradesThatAreTaken(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()}, wsToMQTT.set, oneHostAndOrigin)
	for name, row := range map[string]struct{ sent, protocol string }{
		"plain":                         {upgradeRequest(), "mqtt"},
		"with a query":                  {upgradeRequest("GET /mqtt?token=1 HTTP/1.1"), "mqtt"},
		"in absolute form":              {upgradeRequest("GET http://broker.example/mqtt HTTP/1.1"), "mqtt"},
		"a host with a port":            {upgradeRequest("Host: BROKER.example:8083"), "mqtt"},
		"tokens in lists and any case":  {upgradeRequest("Connection: keep-alive, UPGRADE", "Upgrade: WebSocket"), "mqtt"},
		"a page that is allowed":        {upgradeRequest("+Origin: https://app.example.com"), "mqtt"},
		"the best of some subprotocols": {upgradeRequest("Sec-WebSocket-Protocol: mqttv3.1, wamp, mqtt"), "mqtt"},
		"an old subprotocol":            {upgradeRequest("Sec-WebSocket-Protocol: mqttv3.1"), "mqttv3.1"},
		"compression offered":           {upgradeRequest("+Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"), "mqtt"},
	} {
		for _, drip := range []bool{false, true} {
			c := r.dialBare(r.srv.Addr("mqtt"))
			c.trickle([]byte(row.sent), drip)
			resp, _ := c.response() //nolint:bodyclose // response has read and closed it
			if resp.StatusCode != 101 || resp.Header.Get("Sec-WebSocket-Protocol") != row.protocol ||
				resp.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || resp.Header["Sec-Websocket-Extensions"] != nil {
				t.Errorf("%s, drip %v: answered %s, %v", name, drip, resp.Status, resp.Header)
			}
			c.send(clientFrame(0x82, connect311))
			c.expect(append([]byte{0x82, 4}, connack311...))
			_ = c.Close()
		}
	}
}

func upgradeThatStallsAtAnyByteEndsAfterConnectPacket(t *testing.T) {
	r := wsToMQTT.start(t, []string{startNode(t, nil).address()}, func(s *snapshot.Snapshot) { s.Timeouts.ConnectPacket = 2 * time.Second })
	request := upgradeRequest()
	var clients []*client
	for i := range len(request) {
		c := r.dialBare(r.srv.Addr("mqtt"))
		c.send([]byte(request[:i]))
		clients = append(clients, c)
	}
	for _, c := range clients {
		if got := c.rest(); len(got) > 0 {
			t.Errorf("answered %q", got)
		}
	}
	r.waitOutcome(outcome.ConnectTimeout, uint64(len(request)))
}

func TestClientThatLeavesAtAnyByteOfItsUpgradeIsCounted(t *testing.T) {
	r := wsToMQTT.start(t, []string{startNode(t, nil).address()})
	request := upgradeRequest()
	for i := 1; i < len(request); i++ {
		for _, leave := range []func(*client){func(c *client) { _ = c.Close() }, (*client).reset} {
			c := r.dialBare(r.srv.Addr("mqtt"))
			c.send([]byte(request[:i]))
			leave(c)
		}
	}
	r.waitOutcome(outcome.ClientGone, uint64(2*(len(request)-1)))
}
