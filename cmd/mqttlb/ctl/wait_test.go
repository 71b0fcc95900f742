package ctl

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"mqttlb/proxy/admin/api"
)

// draining is a node of which this many sessions are left.
func draining(left int64) api.Node {
	return api.Node{
		Name: "emqx-2", Operator: api.NodeOperator{State: api.Draining},
		Drain: &api.Drain{Sessions: 3000, Left: left, PerSecond: 50, Remaining: float64(left) / 50},
		Pools: []api.NodeInPool{{Pool: "emqx", State: "draining", Healthy: true, Weight: 1, ConfiguredWeight: 1, Connections: left}},
	}
}

// answers answers with one value after the other; the last one stays.
func answers(values ...any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		reply(http.StatusOK, values[0])(w, r)
		if len(values) > 1 {
			values = values[1:]
		}
	}
}

func nodesOf(nodes ...api.Node) api.Nodes { return api.Nodes{Nodes: nodes} }

func TestADrainIsWaitedFor(t *testing.T) {
	t.Parallel()
	p := startProcess(t)
	p.on("POST /api/v1/nodes/emqx-2/drain", draining(100))
	p.on("GET /api/v1/nodes", answers(nodesOf(draining(50)), nodesOf(draining(0))))
	got := p.ctl(t, "drain", "emqx-2", "--pace", "50/s", "--wait")
	got.says(t, "to its end", 0, "emqx-2: the last session has left\n", "emqx-2: 2s to go at 50/s, 100 of 3,000 left\n")
	if strings.Contains(got.stderr, "\x1b") {
		t.Errorf("escape sequences where there is no terminal: %q", got.stderr)
	}
	over := draining(0)
	over.Drain = nil
	p.on("POST /api/v1/nodes/emqx-2/disable", over)
	p.ctl(t, "disable", "emqx-2", "--wait", "--json").says(t, "at its end already", 0, `{"name":"emqx-2",`, "")
}

func TestADrainThatIsCancelledIsNoSuccess(t *testing.T) {
	t.Parallel()
	p := startProcess(t)
	enabled := draining(50)
	enabled.Operator.State, enabled.Drain = api.Enabled, nil
	other := draining(50)
	other.Name = "emqx-1"
	p.on("POST /api/v1/nodes/emqx-2/drain", draining(100))
	for what, c := range map[string]struct {
		nodes any
		want  string
	}{
		"undrain":     {nodesOf(other, enabled), "emqx-2 has been enabled again, with 50 sessions left"},
		"gone":        {nodesOf(other), "emqx-2 is gone"},
		"the process": {refuse(http.StatusServiceUnavailable, "mqttlb is stopping"), "mqttlb is stopping"},
	} {
		t.Run(what, func(t *testing.T) {
			p.on("GET /api/v1/nodes", c.nodes)
			p.ctl(t, "drain", "emqx-2", "--wait").says(t, what, 1, "", c.want)
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	p.on("GET /api/v1/nodes", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	runCtl(ctx, "--socket", p.socket, "drain", "emqx-2", "--wait").says(t, "control-C", 1, "", "stopped")
}
