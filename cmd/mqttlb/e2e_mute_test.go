package main_test

import (
	"net/http"
	"strings"
	"testing"
)

// A broker that does not expect PROXY closes at the header of its pool. The tcp probe is good, and yet the node is taken down
// with the likely cause, until the pool sends no header any more.
func TestANodeThatGetsAPROXYHeaderItDoesNotExpectIsDown(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	r := newReloadee(t, nodes(broker))
	r.health = "{probe: tcp, interval: 1s, timeout: 1s, rise: 1, fall: 2}"
	r.more = "    proxy_protocol: v2\n"
	r.put(t)
	r.run(t)
	const cause = "no session gets a CONNACK: the pool sends a PROXY header (pools[].proxy_protocol: v2), which the node probably does not expect"
	i := 0
	eventually(t, "the node is down", func() bool {
		if w, err := tryJoin(r.addrs["mqtt"], "", 5, ids("client", i+1)[i]); err == nil {
			w.Close()
			t.Fatal("a session has its CONNACK")
		}
		i++
		return len(r.said(`"msg":"node is down"`, `"node":"a"`, cause)) > 0
	})
	if code, text := r.readyz(); code != http.StatusServiceUnavailable {
		t.Errorf("it is ready: %d %s", code, text)
	}
	if lines := r.said(`"msg":"node has given sessions no CONNACK"`); len(lines) != 1 || !strings.Contains(lines[0], `"level":"WARN"`) {
		t.Errorf("%d lines about %d sessions: %s", len(lines), i, lines)
	}
	for command, want := range map[string]string{"alarms": "node_mute", "nodes": cause} {
		if out := strings.Join(strings.Fields(r.must(t, command)), " "); !strings.Contains(out, want) {
			t.Errorf("ctl %s does not say %q:\n%s", command, want, out)
		}
	}
	if in := r.node(t, "a").Pools[0]; in.Unanswered < 10 || in.Mute == "" || in.State != "down" {
		t.Errorf("the API says %+v", in)
	}
	if n := r.metrics(t).sum(t, "mqttlb_node_unanswered_total", `node="a"`); n < 10 {
		t.Errorf("the metric counts %v", n)
	}

	r.more = ""
	r.put(t)
	r.mustReload(t)
	join(t, r.addrs["mqtt"], "", 5, "good")
	r.waitFor(t, `"msg":"node is up"`, `"node":"a"`)
	if out := r.must(t, "alarms"); strings.Contains(out, "node_") {
		t.Errorf("alarms:\n%s", out)
	}
}
