package proxy

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// byNetHTTP makes an upgrade so long that net/http reads it, and not the loop.
var byNetHTTP = "+X-Long: " + strings.Repeat("x", 5000)

// withPaths gives the routes to WebSocket several paths.
func withPaths(paths ...string) setting {
	return func(s *snapshot.Snapshot) {
		ln := s.Listeners[0]
		for _, path := range paths {
			ln.Routes = append(ln.Routes, snapshot.Route{Path: path, Pool: ln.Pool, WebSocket: true})
		}
	}
}

// Each path of a listener is served, all below a prefix too, and the node gets the one that was asked for, or that of its
// pool. What a node might read as another path is refused.
func TestPathsOfUpgrades(t *testing.T) {
	rows := []struct {
		target string
		status int
		node   string // the target that it gets with path: keep
		body   string
	}{
		{"/mqtt", 101, "/mqtt", ""}, // the path of every rig
		{"/mqtt/", 101, "/mqtt/", ""},
		{"/", 101, "/", ""},
		{"/ws/", 101, "/ws/", ""},
		{"/ws/a/b.c~d?token=%2F..%2F&x", 101, "/ws/a/b.c~d?token=%2F..%2F&x", ""},
		{"/ws/a!b;v=1/%C3%A9", 101, "/ws/a!b;v=1/%C3%A9", ""},
		{"/ws/..a/.b./...", 101, "/ws/..a/.b./...", ""},
		{"/%6dqtt?a", 101, "/mqtt?a", ""}, // what was compared is what is sent
		{"http://broker.example/ws/x?y", 101, "/ws/x?y", ""},

		{"/ws", 404, "", `path "/ws" is not served here`},
		{"/ws2/a", 404, "", "not served"},
		{"/WS/a", 404, "", "not served"},
		{"//mqtt", 101, "/mqtt", ""},
		{"//", 101, "/", ""},
		{"/mqtt/../mqtt", 101, "/mqtt", ""},
		{"/./ws/a", 101, "/ws/a", ""},
		{"/mqtt/*", 404, "", "not served"},

		{"/ws/../admin", 404, "", `path "/admin" is not served here`},
		{"/ws/%2e%2e/admin", 404, "", `path "/admin" is not served here`},
		{"/ws/.%2E/admin", 404, "", `path "/admin" is not served here`},
		{"/ws/..", 101, "/", ""},
		{"/ws/.", 101, "/ws/", ""},
		{"/ws/a/./b", 101, "/ws/a/b", ""},
		{"/ws//a", 101, "/ws/a", ""},
		{"/%77s/a", 101, "/ws/a", ""},
		{"/ws/%61", 101, "/ws/a", ""},
		{"/ws/a%0d%0aX:%20y", 101, "/ws/a%0D%0AX:%20y", ""},
		{"/ws/..;/admin", 400, "", `path "/ws/..;/admin": it hides . or ..`},
		{"/ws/..%3b/admin", 400, "", "hides . or .."},
		{"/ws/..%2fadmin", 400, "", "hides . or .."},
		{"/ws/..%5cadmin", 400, "", "hides . or .."},
		{"/ws/%252e%252e/admin", 400, "", "hides . or .."},
		{`/ws/..\admin`, 400, "", "must be encoded"},
		{"/ws%2fa", 400, "", "goes elsewhere"},
		{"/ws/a%00", 400, "", "%00"},
		{"/ws/a%zz", 400, "", ""}, // net/http's own answer
	}
	for path, wanted := range map[string]func(keep string) string{
		"": func(keep string) string { return keep },
		"/broker": func(keep string) string {
			if _, query, ok := strings.Cut(keep, "?"); ok {
				return "/broker?" + query
			}
			return "/broker"
		},
	} {
		broker := startWSBroker(t, ofEMQX, answers400)
		r := start(t, []string{broker.address()}, wsToWS.set, withPaths("/mqtt/", "/", "/ws/*"), func(s *snapshot.Snapshot) {
			s.Listeners[0].Pool.Path = path
		})
		var want []string
		for _, row := range rows {
			for _, change := range []string{"+X: y", byNetHTTP} {
				request := strings.Replace(upgradeRequest(change), "/mqtt", row.target, 1)
				if row.status == http.StatusSwitchingProtocols {
					r.relayed("mqtt", request)
					want = append(want, wanted(row.node))
					continue
				}
				c := r.dialBare(r.srv.Addr("mqtt"))
				c.send([]byte(request))
				resp, body := c.response() //nolint:bodyclose // response has read and closed it
				if resp.StatusCode != row.status || !strings.Contains(body, row.body) || strings.Contains(body, "/ws/*") {
					t.Errorf("%s: answered %s %q, want %d %q", row.target, resp.Status, body, row.status, row.body)
				}
				_ = c.Close()
			}
		}
		if _, got := broker.seen(); !slices.Equal(got, want) {
			t.Errorf("path %q: the node got %q, want %q", path, got, want)
		}
		r.waitLine(`error="404: path \"/ws\" is not served here: MQTT is served at /mqtt, /mqtt/, /, /ws/*"`)
		r.waitLine(`error="400: path \"/ws/..;/admin\": it hides . or ..`)
	}
}

// A client without a subprotocol reaches nodes that speak plain MQTT.
func TestNoSubprotocolBeforePlainNodes(t *testing.T) {
	for _, change := range []string{"+X: y", byNetHTTP} {
		r := start(t, []string{startNode(t, nil).address()}, wsToMQTT.set, optionalSubprotocol)
		c := r.dialBare(r.srv.Addr("mqtt"))
		c.send([]byte(upgradeRequest("-Sec-WebSocket-Protocol", change)))
		if resp, _ := c.response(); resp.StatusCode != 101 || resp.Header["Sec-Websocket-Protocol"] != nil { //nolint:bodyclose // response has read and closed it
			t.Errorf("answered %s %v", resp.Status, resp.Header)
		}
		c.send(clientFrame(finBinary, connect311))
		c.expect(connackFrame)
		_ = c.Close()
		r.waitOutcome(outcome.ClientClosed, 1)
	}
}
