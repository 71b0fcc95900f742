package main_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// upgradeRequest is a valid upgrade request, as a browser sends it.
const upgradeRequest = "GET /mqtt HTTP/1.1\r\nHost: ws.example.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n" +
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nOrigin: https://app.example.test\r\n\r\n"

// A request that is not a valid upgrade gets a fitting status and a reason, on a ws port
// and on a port shared with HTTP alike.
func TestAWrongUpgradeIsToldWhatIsWrong(t *testing.T) {
	t.Parallel()
	b := serve(t, `
listeners:
  - name: ws
    address: "${ws}"
    protocol: ws
    pool: brokers
    allowed_hosts: [ws.*]
    allowed_origins: ["https://*.example.test"]
  - name: web
    address: "${web}"
    protocol: http
    pool: pages
    routes: [{host: ws.*, path: /mqtt, protocol: ws, pool: brokers, allowed_origins: ["https://*.example.test"]}]
pools:
  - name: brokers
    health: {probe: none}
    nodes: [{name: a, address: "127.0.0.1:1"}]
  - name: pages
    protocol: http
    health: {probe: none}
    nodes: [{name: a, address: "127.0.0.1:1"}]
limits: {max_header_size: 2KiB}
`)
	both := []string{"ws", "web"}
	counts := map[string]int{}
	for _, c := range []struct {
		name, old, new string // what is replaced in upgradeRequest
		status         int
		header, value  string
		says           string
		listeners      []string
	}{
		{"another path", "/mqtt", "/other", 404, "", "", "/other", []string{"ws"}},
		{"another host", "ws.example.test", "www.example.test", 421, "", "", "www.example.test", []string{"ws"}},
		{"another method", "GET", "POST", 405, "Allow", "GET", "POST", both},
		{"no upgrade", "Upgrade: websocket\r\n", "", 426, "Upgrade", "websocket", "WebSocket", both},
		{"an upgrade to HTTP/2", "Upgrade: websocket", "Upgrade: h2c", 426, "Upgrade", "websocket", "WebSocket", both},
		{"an old version", "Version: 13", "Version: 8", 426, "Sec-WebSocket-Version", "13", "13", both},
		{"a short key", "dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", 400, "", "", "Sec-WebSocket-Key", both},
		{"no subprotocol", "Sec-WebSocket-Protocol: mqtt\r\n", "", 400, "", "", "mqtt", both},
		{"another subprotocol", "Protocol: mqtt", "Protocol: stomp", 400, "", "", "stomp", both},
		{"another origin", "https://app.example.test", "https://app.example.com", 403, "", "", "app.example.com", both},
		{"a body", ".test\r\n\r\n", ".test\r\nContent-Length: 3\r\n\r\nabc", 400, "", "", "body", both},
		{"a long header", "Origin:", "Cookie: " + strings.Repeat("x", 8<<10) + "\r\nOrigin:", 431, "", "", "", both},
		{"nothing wrong", "", "", 101, "Sec-WebSocket-Protocol", "mqtt", "", both},
	} {
		for _, listener := range c.listeners {
			t.Run(c.name+" to "+listener, func(t *testing.T) {
				w := dialWire(t, b.addrs[listener], "")
				io.WriteString(w, strings.Replace(upgradeRequest, c.old, c.new, 1))
				resp, err := http.ReadResponse(w.in, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				if resp.StatusCode != c.status {
					t.Fatalf("status %d, want %d", resp.StatusCode, c.status)
				}
				if got := resp.Header.Get(c.header); got != c.value {
					t.Errorf("%s is %q, want %q", c.header, got, c.value)
				}
				if got := resp.Header.Values("Sec-WebSocket-Extensions"); len(got) > 0 {
					t.Errorf("extensions are agreed on: %v", got)
				}
				if c.status == http.StatusSwitchingProtocols {
					return
				}
				counts[listener]++
				body, err := io.ReadAll(resp.Body)
				if err != nil || !strings.Contains(string(body), c.says) || len(strings.TrimSpace(string(body))) < 10 {
					t.Errorf("the body is %q (%v), and does not say %q", body, err, c.says)
				}
				w.waitClosed(t)
			})
		}
	}
	for listener, n := range counts {
		b.sessionsEnded(t, n, `"listener":"`+listener+`"`, `"outcome":"bad_upgrade","error":"4`)
	}
}
