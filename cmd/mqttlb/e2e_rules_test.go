package main_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"mqttlb/proxy/admin/api"
)

// ruledBroker has rules of all listeners, and of its own.
const ruledBroker = `
rules:
  - {name: stolen, client_id: {exact: [pump-17, pump-90]}, action: deny, code: banned}
listeners:
  - name: mqtt
    address: "${mqtt}"
    pool: brokers
    rules:
      - {name: office, cidr: 127.0.0.7, action: allow}
      - {name: no-test, client_id: {prefix: test-}, action: deny, code: quota_exceeded}
      - {name: silent, client_id: {regex: "^s[0-9]+$"}, action: deny, code: none}
      - {name: old, version: "3.1", action: deny, code: unsupported_protocol_version}
pools:
  - name: brokers
    health: {probe: none}
    nodes:
`

// A real process refuses clients by its rules, and everything that an operator looks at says which rule it was.
func TestRulesAreSeenFromOutside(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nodes(startMosquitto(t, "a")))
	ruled := strings.Replace(r.text(), oneBroker, ruledBroker, 1)
	r.write(t, "127.0.0.1", ruled)
	r.run(t)
	for _, c := range []struct {
		id, from string
		version  byte
		code     int // -1: closed without an answer
		rule     string
	}{
		{"pump-17", "", 5, 0x8a, "stolen"},
		{"pump-90", "", 4, 5, "stolen"},
		{"pump-90", "127.0.0.7", 4, 5, "stolen"}, // the rules of all listeners come first
		{"test-1", "", 5, 0x97, "no-test"},
		{"test-1", "", 4, 3, "no-test"},
		{"test-1", "127.0.0.7", 5, 0, ""},
		{"s17", "", 5, -1, "silent"},
		{"good", "", 3, 1, "old"},
		{"good", "", 4, 0, ""},
	} {
		denied := len(r.said(`"outcome":"denied"`))
		w := dialWire(t, r.addrs["mqtt"], c.from)
		got, err := w.connect(c.version, c.id)
		if (err != nil) != (c.code < 0) || err == nil && int(got) != c.code {
			t.Errorf("%s with version %d: 0x%02x, %v, want 0x%02x", c.id, c.version, got, err, c.code)
		}
		w.Close()
		if c.rule != "" {
			line := r.waitForN(t, denied+1, `"outcome":"denied"`)[denied]
			if !strings.Contains(line, `"rule":"`+c.rule+`"`) || !strings.Contains(line, `"client_id":"`+c.id+`"`) {
				t.Errorf("%s: %s", c.id, line)
			}
		}
	}

	want := map[string]float64{"stolen": 3, "no-test": 2, "silent": 1, "old": 1, "office": 1}
	m := r.metrics(t)
	var shown api.Rules
	if err := json.Unmarshal([]byte(r.must(t, "rules", "--json")), &shown); err != nil || len(shown.Rules) != len(want) {
		t.Errorf("%v, %+v", err, shown)
	}
	for _, rule := range shown.Rules {
		if n := want[rule.Rule]; float64(rule.Matched) != n || m.sum(t, "mqttlb_rule_matches_total", `listener="mqtt"`, `rule="`+rule.Rule+`"`) != n {
			t.Errorf("%s: %d in the list, and in the metrics %v, want %v", rule.Rule, rule.Matched, m.sum(t, "mqttlb_rule_matches_total", `rule="`+rule.Rule+`"`), n)
		}
	}
	if n := m.sum(t, "mqttlb_outcomes_total", `outcome="denied"`); n != 7 {
		t.Errorf("%v connections are denied", n)
	}
	for command, says := range map[string]string{
		"route pump-17":                    "mqtt: rule stolen denies it\n",
		"route test-1 --address 127.0.0.8": "mqtt: rule no-test denies it\n",
		"route test-1":                     "mqtt: rule no-test denies it, unless one above decides\n",
		"route good --version 3.1":         "mqtt: rule old denies it, unless one above decides\n",
	} {
		if out := r.must(t, strings.Fields(command)...); !strings.Contains(out, says) {
			t.Errorf("ctl %s, want %q:\n%s", command, says, out)
		}
	}
	for _, args := range [][]string{{"good", "--version", "5", "--address", "127.0.0.8"}, {"test-1", "--address", "127.0.0.7"}} {
		if out := r.must(t, append([]string{"route"}, args...)...); strings.Contains(out, "rule") || !strings.Contains(out, "first by its hash") {
			t.Errorf("no rule refuses this client:\n%s", out)
		}
	}

	// To try a rule, give it the action allow.
	r.write(t, "127.0.0.1", strings.Replace(ruled, "action: deny, code: banned", "action: allow", 1))
	if out := r.mustReload(t); !strings.Contains(strings.Join(strings.Fields(out), " "), "rules[stolen].action deny -> allow") {
		t.Errorf("reload: %s", out)
	}
	join(t, r.addrs["mqtt"], "", 5, "pump-17")
	if n := r.metrics(t).sum(t, "mqttlb_rule_matches_total", `rule="stolen"`); n != 4 {
		t.Errorf("the rule on trial has %v matches", n)
	}
}

// Rules are about upgrades and requests of a listener of protocol http, and about bytes, too.
func TestRulesOfOtherProtocolsAreSeenFromOutside(t *testing.T) {
	t.Parallel()
	dashboard, broker := startDashboards(t, "a")[0], startMosquitto(t, "a")
	b := serve(t, `
rules: [{name: guest, cidr: 127.0.0.9, action: deny}]
listeners:
  - {name: web, address: "${web}", protocol: http, pool: dashboard, routes: [{path: /mqtt, protocol: ws, pool: brokers}]}
  - {name: raw, address: "${raw}", protocol: tcp, pool: brokers}
pools:
  - {name: dashboard, protocol: http, health: {probe: none}, nodes: [`+strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(httpNodes(dashboard)), "- "))+`]}
  - name: brokers
    health: {probe: none}
    nodes:
`+nodes(broker))
	ask := func(from string) string {
		w := dialWire(t, b.addrs["web"], from)
		if _, err := io.WriteString(w, "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(w.in)
		if err != nil {
			t.Fatal(err)
		}
		status, _, _ := bytes.Cut(answer, []byte("\r\n"))
		return string(status)
	}
	if got := ask("127.0.0.9"); got != "HTTP/1.1 403 Forbidden" {
		t.Errorf("the guest is answered %s", got)
	}
	if got := ask("127.0.0.8"); got != "HTTP/1.1 200 OK" {
		t.Errorf("another one is answered %s", got)
	}
	dialWire(t, b.addrs["raw"], "127.0.0.9").waitClosed(t)
	b.waitFor(t, `"listener":"raw"`, `"outcome":"denied"`, `"rule":"guest"`)
	join(t, b.addrs["raw"], "127.0.0.8", 5, "good")
}
