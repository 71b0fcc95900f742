package main_test

import (
	"strings"
	"testing"
)

// A node that has come up again takes one session in ten seconds here. What waits is shown, the rest is refused, and
// a reload changes the rate for those that come later.
func TestTheRateOfANodeIsShownAndReloaded(t *testing.T) {
	t.Parallel()
	x := startStub(t, "x", 5000, 128)
	r := newReloadee(t, stubs(x))
	r.more = "    connect_rate: 1/s\n    slow_start: 1h\n    queue: {size: 1, time: 1h}\n"
	r.put(t)
	r.run(t)
	r.change(t, "x", "disable", "{}")
	r.change(t, "x", "enable", "{}")
	join(t, r.addrs["mqtt"], "", 5, "first")
	waits := dialWire(t, r.addrs["mqtt"], "")
	if _, err := waits.Write([]byte("\x10\x0f\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02c1")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a session that waits", func() bool { return r.node(t, "x").Pools[0].Waiting == 1 })
	if in := r.node(t, "x").Pools[0]; in.ConnectRate != 1 || in.Ramp <= 0 || in.Ramp > 0.1 || in.Connections != 2 {
		t.Errorf("%+v", in)
	}
	refused(t, r.addrs["mqtt"], 5, "third", serverBusy)
	line := r.sessionsEnded(t, 1, `"third"`)[0]
	if line.Outcome != "node_busy" || !strings.Contains(line.Error, "as many sessions wait as queue.size allows, 1") {
		t.Errorf("%+v", line)
	}
	m := r.metrics(t)
	for name, want := range map[string]float64{"mqttlb_node_sessions_waiting": 1, "mqttlb_node_connect_rate": 1, "mqttlb_node_waits_total": 0} {
		if got := m.sum(t, name, `node="x"`); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if got := m.sum(t, "mqttlb_refusals_total", `reason="node_busy"`); got != 1 {
		t.Errorf("%v refusals", got)
	}

	r.more = strings.Replace(r.more, "1/s", "5000/s", 1)
	r.put(t)
	if out := r.mustReload(t); !strings.Contains(out, "connect_rate") {
		t.Errorf("the reload says %s", out)
	}
	_ = waits.Close()
	eventually(t, "it has left", func() bool { return r.node(t, "x").Pools[0].Waiting == 0 })
	for _, id := range ids("later", 20) {
		join(t, r.addrs["mqtt"], "", 5, id)
	}
}
