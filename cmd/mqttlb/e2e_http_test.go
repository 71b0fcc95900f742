package main_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A cookie spreads browsers behind one address over the nodes, and each stays on its
// node. When /status takes a node out, only its own browsers move.
func TestADashboardKeepsItsBrowsersAndItsProbeTakesItOut(t *testing.T) {
	t.Parallel()
	nodes := startDashboards(t, "a", "b", "c")
	b := serve(t, `
listeners:
  - {name: dashboard, address: "${web}", protocol: http, pool: dashboard}
pools:
  - name: dashboard
    protocol: http
    hash_key: cookie
    health: {probe: http, path: /status, interval: 2s, timeout: 2s, rise: 1, fall: 2}
    nodes:
`+httpNodes(nodes...))
	url := "http://" + b.addrs["web"] + "/api/v5/nodes?x=1"
	isUp := func(d *dashboard, want float64) func() bool {
		return func() bool {
			return b.metrics(t).sum(t, "mqttlb_node_state", fmt.Sprintf("node=%q", d.name), `state="up"`) == want
		}
	}
	for _, d := range nodes {
		eventually(t, d.name+" is up", isUp(d, 1))
	}

	browsers := make([]*http.Client, 60)
	home := make([]string, len(browsers))
	guests := map[string]int{}
	for i := range browsers {
		browsers[i] = newBrowser(t, "127.0.0.6")
		status, node, body := get(t, browsers[i], url, "")
		if want := fmt.Sprintf("%s /api/v5/nodes?x=1 cookies=\"\" for=127.0.0.6 host=%s proto=http", node, b.addrs["web"]); status != http.StatusOK || body != want {
			t.Fatalf("status %d, %q, want %q", status, body, want)
		}
		home[i] = node
		guests[node]++
	}
	if len(guests) != len(nodes) {
		t.Fatalf("%d browsers are on %v", len(browsers), guests)
	}
	visit := func(when string, at func(i int, node string) bool) {
		t.Helper()
		for i, browser := range browsers {
			status, node, body := get(t, browser, url, "")
			if status != http.StatusOK || !at(i, node) {
				t.Errorf("%s: a browser of %s is on %q, status %d", when, home[i], node, status)
			}
			if !strings.Contains(body, `cookies=""`) {
				t.Errorf("%s: the node gets a cookie of ours: %s", when, body)
			}
		}
	}
	athome := func(i int, node string) bool { return node == home[i] }
	visit("at once", athome)

	out := nodes[1]
	out.evicted.Store(true)
	eventually(t, out.name+" is down", isUp(out, 0))
	visit("with one node out", func(i int, node string) bool {
		return node == home[i] && node != out.name || home[i] == out.name && node != out.name
	})
	out.evicted.Store(false)
	eventually(t, out.name+" is up again", isUp(out, 1))
	visit("with all nodes back", athome)

	for _, browser := range browsers {
		browser.CloseIdleConnections()
	}
	for _, s := range b.sessionsEnded(t, len(browsers)) {
		if s.Outcome != "http_served" || !strings.HasPrefix(s.Client, "127.0.0.6:") {
			t.Errorf("a connection's line is %+v", s)
		}
	}
}

// One port serves MQTT over WebSocket at one host and path, and HTTP elsewhere, each
// with a pool of its own.
func TestOnePortServesMQTTAndADashboard(t *testing.T) {
	t.Parallel()
	tcp, ws := startWSMosquittos(t, 1)
	front, api := startDashboards(t, "front")[0], startDashboards(t, "api")[0]
	b := serve(t, `
listeners:
  - name: web
    address: "${web}"
    protocol: http
    pool: dashboard
    routes:
      - {host: ws.*, path: /mqtt, protocol: ws, pool: brokers-ws}
      - {host: 127.0.0.1, path: /mqtt, protocol: ws, pool: brokers}
      - {path: /api/, pool: api}
pools:
  - name: brokers
    health: {probe: none}
    nodes:
`+nodes(tcp...)+`
  - name: brokers-ws
    protocol: ws
    health: {probe: none}
    nodes:
`+nodes(ws...)+`
  - name: dashboard
    protocol: http
    nodes:
`+httpNodes(front)+`
  - name: api
    protocol: http
    nodes:
`+httpNodes(api)+`
limits: {max_request_size: 1KiB}
`)
	addr := b.addrs["web"]
	browser := newBrowser(t, "")
	for _, c := range []struct {
		host, path string
		status     int
		node       string
	}{
		{"", "/", 200, "front"},
		{"", "/mqtt/", 200, "front"},
		{"www.example.test", "/mqtt", 200, "front"}, // the MQTT routes have other hosts
		{"ws.example.test", "/", 200, "front"},
		{"ws.example.test", "/api/v5/status", 200, "api"},
		{"ws.example.test", "/mqtt", 426, ""},
		{"", "/mqtt", 426, ""},
	} {
		if status, node, body := get(t, browser, "http://"+addr+c.path, c.host); status != c.status || node != c.node {
			t.Errorf("%s at %q: status %d of %q, want %d of %q: %s", c.path, c.host, status, node, c.status, c.node, body)
		}
	}

	// The same port, to the WebSocket listener of the node and to the plain one.
	joinWS(t, addr, "", 5, "to-plain").disconnect(t)
	w := dialWire(t, addr, "")
	fmt.Fprint(w, upgradeRequest)
	resp, err := http.ReadResponse(w.in, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the upgrade at ws.example.test: %v, %v", resp, err)
	}
	resp.Body.Close() // the body is empty; the frames follow
	connect := connectPacket(4, "to-ws")
	frame := append([]byte{0x82, 0x80 | byte(len(connect)), 0, 0, 0, 0}, connect...) // masked with zeros
	w.Write(frame)
	var connack [6]byte
	if _, err := io.ReadFull(w.in, connack[:]); err != nil || connack != [6]byte{0x82, 4, 0x20, 2, 0, 0} {
		t.Fatalf("% x (%v) where a frame with a CONNACK was due", connack, err)
	}
	w.Close()
	homes(t, tcp, []string{"to-plain", "to-ws"}, 1)
	for _, id := range []string{"to-plain", "to-ws"} {
		if s := b.sessionsEnded(t, 1, `"`+id+`"`)[0]; s.Listener != "web" || s.Node != "a" {
			t.Errorf("the session's line is %+v", s)
		}
	}

	resp, err = browser.Post("http://"+addr+"/api/v5/publish", "text/plain", strings.NewReader(strings.Repeat("x", 2<<10)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a body over max_request_size: %s, want 413", resp.Status)
	}
}
