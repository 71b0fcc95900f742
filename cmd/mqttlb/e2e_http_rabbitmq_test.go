package main_test

import (
	"net/http"
	"strings"
	"testing"
)

// An http listener carries RabbitMQ's management: its page, its API with a password, and
// the list of connections.
func TestRabbitMQsManagementThroughAnHTTPListener(t *testing.T) {
	t.Parallel()
	rabbit := startWebRabbit(t)
	b := serve(t, `
listeners:
  - name: web
    address: "${web}"
    protocol: http
    pool: management
    routes: [{path: /ws, protocol: ws, pool: rabbit}]
pools:
  - name: management
    protocol: http
    hash_key: cookie
    health: {probe: http, path: /api/health/checks/alarms, status: 401} # it wants a password, so it is there
    nodes: [{name: rabbit, address: "`+rabbit.management+`"}]
  - name: rabbit
    protocol: ws
    proxy_protocol: v2
    nodes: [{name: rabbit, address: "`+rabbit.mqtt+`"}]
`)
	url := "http://" + b.addrs["web"]
	browser := newBrowser(t, "")
	for _, c := range []struct {
		path   string
		status int
		says   string
	}{
		{"/", http.StatusOK, "<title>RabbitMQ Management</title>"},
		{"/js/main.js", http.StatusOK, "function"},
		{"/api/whoami", http.StatusUnauthorized, ""},
	} {
		if status, _, body := get(t, browser, url+c.path, ""); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: status %d, %d bytes, want %d and %q", c.path, status, len(body), c.status, c.says)
		}
	}

	through := *rabbit // the same node, reached through the balancer
	through.management = b.addrs["web"]
	w, err := tryDialURL("ws://"+b.addrs["web"]+"/ws", "127.0.0.7")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if code, err := w.connect(4, "managed"); err != nil || code != 0 {
		t.Fatalf("CONNECT: code %d, %v", code, err)
	}
	if seen := through.waitFor(t, "managed"); seen != w.LocalAddr().String() {
		t.Errorf("RabbitMQ lists the client as %s, want %s", seen, w.LocalAddr())
	}
	w.disconnect(t)
}
