package main_test

import (
	"strings"
	"testing"
)

func TestCheckSaysWhereEachRequestGoes(t *testing.T) {
	t.Parallel()
	output, code := mqttlb(t, "check", "../../deploy/websocket.yaml")
	if code != 0 {
		t.Fatalf("exit code %d:\n%s", code, output)
	}
	lines := strings.Split(output, "\n")
	for _, want := range [][]string{
		{"ws", "any", "/mqtt", "https://*.example.com", "emqx-ws"},
		{"dashboard", "ws.*", "/mqtt", "ws", "emqx-ws"},
		{"dashboard", "any", "/", "http", "dashboard"},
		{"dashboard", "consistent_hash of cookie mqttlb", "http GET /status"},
		{"emqx-ws", "v2", "http GET :18083/status"},
	} {
		if !hasLine(lines, want) {
			t.Errorf("no line has %q:\n%s", want, output)
		}
	}
}

// The dashboard of EMQX 4.4 answers /status with 404; its management API does not.
func TestCheckSaysThatNodesOfEMQX44AreAskedAtTheirManagementAPI(t *testing.T) {
	t.Parallel()
	output, code := mqttlb(t, "check", "../../deploy/websocket-4.4.yaml")
	if code != 0 || strings.Count(output, "http GET :8081/status") != 3 {
		t.Errorf("exit code %d:\n%s", code, output)
	}
}

// A route that can match nothing, a pool of another protocol, and a key of another
// protocol are errors, each with its line and column.
func TestCheckRefusesWhatCannotBeServed(t *testing.T) {
	t.Parallel()
	b := configure(t, `
listeners:
  - {name: ws, address: "${ws}", protocol: ws, pool: pages}
  - name: web
    address: "${web}"
    protocol: http
    pool: pages
    path: /mqtt
    routes:
      - {path: /, pool: pages}
      - {path: /mqtt, protocol: ws, pool: brokers}
pools:
  - {name: pages, protocol: http, nodes: [{name: a, address: "127.0.0.1:1"}]}
  - {name: brokers, health: {probe: http}, nodes: [{name: a, address: "127.0.0.1:1"}]}
`)
	output, code := mqttlb(t, "check", b.config)
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	lines := strings.Split(output, "\n")
	for _, want := range [][]string{
		{":3:", "listeners[0].pool", "pages"},
		{":8:", "listeners[1].path"},
		{":11:", "listeners[1].routes[1]"},
		{":14:", "pools[1].health"},
	} {
		if !hasLine(lines, want) {
			t.Errorf("no line has %q:\n%s", want, output)
		}
	}
}

// hasLine reports whether one of the lines contains all the parts.
func hasLine(lines, parts []string) bool {
next:
	for _, line := range lines {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue next
			}
		}
		return true
	}
	return false
}
