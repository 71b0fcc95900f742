package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/config"
	"mqttlb/proxy"
	"mqttlb/proxy/admin"
	"mqttlb/proxy/admin/api"
	"mqttlb/proxy/proxytest"
)

// paces is a drainer that notes the paces in force.
type paces struct {
	mu   sync.Mutex // guards all
	all  map[string]proxy.Pace
	fail error
}

func (p *paces) DrainNode(name string, pace proxy.Pace) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[name] = pace
	return p.fail
}

func (p *paces) CancelDrain(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, name)
}

func (p *paces) Drains() map[string]proxy.DrainProgress {
	p.mu.Lock()
	defer p.mu.Unlock()
	progress := map[string]proxy.DrainProgress{}
	for name, pace := range p.all {
		progress[name] = proxy.DrainProgress{Cause: "operator", PerSecond: pace.PerSecond}
	}
	return progress
}

const twoPools = `
listeners: [{name: a, address: ":1883", pool: p}]
pools:
  - {name: p, drain_rate: 30, nodes: [{name: n1, address: "127.0.0.1:1", weight: 4}, {name: n2, address: "127.0.0.1:2"}]}
  - {name: q, drain_rate: 20, nodes: [{name: n1, address: "127.0.0.1:3"}, {name: n3, address: "127.0.0.1:4"}]}
  - {name: k, removed_nodes: keep, nodes: [{name: n3, address: "127.0.0.1:5"}]}
`

// rig is a manager that runs, with a log and without a server.
type rig struct {
	*manager
	*paces
	text *proxytest.Log
	told int // calls of said
}

// said returns the lines of the log up to now. The log writes them in their order.
func (c *rig) said(t *testing.T) string {
	t.Helper()
	c.told++
	last := fmt.Sprintf("said=%d", c.told)
	c.log.Info("the last line", "said", c.told)
	eventuallyHere(t, "the lines of the log", func() bool { return strings.Contains(c.text.String(), last) })
	return c.text.String()
}

// startRig runs a manager with the configuration, as at a start of mqttlb.
func startRig(t *testing.T, file string) *rig {
	t.Helper()
	text := &proxytest.Log{}
	log := newLogger(text, false)
	cfg, err := config.Parse("f", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPlan(cfg, nil, loadOperators(cfg, log.Logger), log.Logger)
	if err != nil {
		t.Fatal(err)
	}
	p.operators.setWords(p.nodes())
	c := &rig{manager: newManager(&revision{cfg, p}, nil, log), paces: &paces{all: map[string]proxy.Pace{}}, text: text}
	c.apply = func(_ context.Context, _, next *revision) ([]string, error) {
		if c.fail == nil {
			next.plan.operators.setWords(next.plan.nodes())
			p = next.plan
		}
		return nil, c.fail
	}
	c.drainer, c.plan = c.paces, func() *plan { return p }
	if err := c.resumeDrains(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	go c.run(ctx, ctx) // ends at stop
	t.Cleanup(func() { stop(); <-c.ended })
	return c
}

// change changes a node. It returns the status that the API answers with.
func (c *rig) change(t *testing.T, name, verb string, change api.NodeChange) (api.Node, int, string) {
	t.Helper()
	node, err := c.setNode(t.Context(), origin{Who: "test"}, name, verb, change)
	if failed := (*admin.Error)(nil); errors.As(err, &failed) {
		return node, failed.Status, failed.Text
	}
	if err != nil {
		t.Fatalf("%s %s: %v is no answer", verb, name, err)
	}
	return node, http.StatusOK, ""
}

// must is change that has to succeed.
func (c *rig) must(t *testing.T, name, verb string, change api.NodeChange) api.Node {
	t.Helper()
	node, status, text := c.change(t, name, verb, change)
	if status != http.StatusOK {
		t.Fatalf("%s %s: %d, %s", verb, name, status, text)
	}
	return node
}

func TestVerbsOfANode(t *testing.T) {
	c := startRig(t, twoPools)
	five := 5
	for _, step := range []struct {
		verb   string
		change api.NodeChange
		state  api.OperatorState
		pace   *proxy.Pace // nil: no drain
		inPool string
		weight int
	}{
		{"undrain", api.NodeChange{}, api.Enabled, nil, "up", 4},
		{"drain", api.NodeChange{}, api.Draining, &proxy.Pace{}, "draining", 4},
		{"drain", api.NodeChange{Pace: "300/m"}, api.Draining, &proxy.Pace{PerSecond: 5}, "draining", 4},
		{"weight", api.NodeChange{Weight: &five}, api.Draining, &proxy.Pace{PerSecond: 5}, "draining", 5},
		{"drain", api.NodeChange{Within: "10m"}, api.Draining, &proxy.Pace{Within: 10 * time.Minute}, "draining", 5},
		{"undrain", api.NodeChange{}, api.Enabled, nil, "up", 5},
		{"disable", api.NodeChange{}, api.Disabled, &proxy.Pace{PerSecond: 20}, "down", 5}, // the lowest of its pools
		{"disable", api.NodeChange{Pace: "7"}, api.Disabled, &proxy.Pace{PerSecond: 7}, "down", 5},
		{"weight", api.NodeChange{Weight: new(int)}, api.Disabled, &proxy.Pace{PerSecond: 7}, "down", 4},
		{"enable", api.NodeChange{}, api.Enabled, nil, "up", 4},
	} {
		got := c.must(t, "n1", step.verb, step.change)
		pace, drains := c.all["n1"]
		if got.Name != "n1" || got.Operator.State != step.state || drains != (step.pace != nil) || drains && pace != *step.pace ||
			len(got.Pools) != 2 || got.Pools[0].State != step.inPool || got.Pools[1].State != step.inPool || got.Pools[0].Weight != step.weight ||
			got.Pools[0].ConfiguredWeight != 4 || (got.Drain != nil) != drains || len(got.Warnings) > 0 {
			t.Errorf("%s %+v: %+v, pace %v", step.verb, step.change, got, pace)
		}
	}
	if got := c.must(t, "n3", "disable", api.NodeChange{}); c.all["n3"] != (proxy.Pace{PerSecond: 20}) || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], `pool "k"`) {
		t.Errorf("the only node of a pool: %+v, %v", got, c.all["n3"])
	}
	all := c.nodes().Nodes
	if len(all) != 3 || all[0].Name != "n1" || all[1].Name != "n2" || all[2].Operator.State != api.Disabled {
		t.Errorf("%+v", all)
	}
	for _, line := range []string{
		`msg=audit who=test action=drain node=n1 before="draining, sessions stay" after="draining, 5/s leave"`,
		`msg=audit who=test action=weight node=n1 before="draining, 5/s leave" after="draining, 5/s leave, weight 5"`,
		`action=disable node=n3 before=enabled after="disabled, 20/s leave" warnings=`,
		`level=WARN msg="the last node of a pool was taken out" node=n3`,
	} {
		if said := c.said(t); !strings.Contains(said, line) {
			t.Errorf("the log has no line %s:\n%s", line, said)
		}
	}
}

func TestWrongChangesOfANodeChangeNothing(t *testing.T) {
	c := startRig(t, twoPools)
	c.must(t, "n2", "disable", api.NodeChange{})
	before, err := json.Marshal(c.nodes())
	if err != nil {
		t.Fatal(err)
	}
	one, less, more := 1, -1, 257
	for _, wrong := range []struct {
		name, verb string
		change     api.NodeChange
		status     int
		says       string
	}{
		{"n9", "drain", api.NodeChange{}, 404, `no pool has a node "n9"; the nodes are n1, n2, n3`},
		{"", "drain", api.NodeChange{}, 404, "the nodes are n1, n2, n3"},
		{"n1", "destroy", api.NodeChange{}, 404, "drain, undrain, disable, enable, weight"},
		{"n1", "drain", api.NodeChange{Pace: "many"}, 400, "pace"},
		{"n1", "drain", api.NodeChange{Within: "later"}, 400, "within"},
		{"n1", "disable", api.NodeChange{Pace: "5", Within: "5m"}, 400, "one of them"},
		{"n1", "drain", api.NodeChange{Weight: &one}, 400, "drain has no weight"},
		{"n1", "enable", api.NodeChange{Pace: "5"}, 400, "enable has neither pace nor within"},
		{"n1", "weight", api.NodeChange{Weight: &one, Within: "5m"}, 400, "weight has neither pace nor within"},
		{"n1", "weight", api.NodeChange{}, 400, "1 to 256"},
		{"n1", "weight", api.NodeChange{Weight: &less}, 400, "1 to 256"},
		{"n1", "weight", api.NodeChange{Weight: &more}, 400, "1 to 256"},
		{"n2", "undrain", api.NodeChange{}, 409, "enable it"},
	} {
		if _, status, text := c.change(t, wrong.name, wrong.verb, wrong.change); status != wrong.status || !strings.Contains(text, wrong.says) {
			t.Errorf("%s %q %+v: %d, %s; want %d and %q", wrong.verb, wrong.name, wrong.change, status, text, wrong.status, wrong.says)
		}
	}
	c.fail = proxy.ErrStopping
	if _, status, _ := c.change(t, "n1", "weight", api.NodeChange{Weight: &one}); status != 503 {
		t.Errorf("during a stop: %d", status)
	}
	c.fail = errors.New("no memory")
	if _, status, text := c.change(t, "n1", "weight", api.NodeChange{Weight: &one}); status != 500 || !strings.Contains(text, "no memory") {
		t.Errorf("a plan that cannot be applied: %d, %s", status, text)
	}
	if after, err := json.Marshal(c.nodes()); err != nil || string(after) != string(before) {
		t.Errorf("%s\nbefore %s", after, before)
	}
	if n := strings.Count(c.said(t), "msg=audit"); n != 1 {
		t.Errorf("%d audit lines of one change", n)
	}
}

// A node that the file loses and gets back is still as the operator has left it.
func TestSettingsOutliveReloads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.yaml")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := startRig(t, twoPools)
	c.file = path
	none := ""
	c.lastRead.Store(&none)
	seven := 7
	c.must(t, "n2", "drain", api.NodeChange{})
	c.must(t, "n2", "weight", api.NodeChange{Weight: &seven})
	reload := func() (result reloadResult) {
		if err := c.do(t.Context(), func(ctx context.Context) { result = c.reload(ctx, bySignal) }); err != nil {
			t.Fatal(err)
		}
		return result
	}
	want := func(when string, pools int) {
		t.Helper()
		n := c.node("n2")
		if n.Operator.State != api.Draining || n.Operator.Weight != 7 || len(n.Pools) != pools {
			t.Fatalf("%s: %+v", when, n)
		}
		if pools > 0 && (n.Pools[0].State != "draining" || n.Pools[0].Weight != 7 || n.Pools[0].ConfiguredWeight != 1) {
			t.Errorf("%s: %+v", when, n.Pools[0])
		}
	}
	for _, step := range []struct {
		when, file string
		errs, in   int
	}{
		{"the same", twoPools, 0, 1},
		{"a broken file", "pools: [}", 1, 1},
		{"without the node", strings.ReplaceAll(twoPools, "n2", "n4"), 0, 0},
		{"with it", twoPools, 0, 1},
	} {
		write(step.file)
		if result := reload(); len(result.Errors) != step.errs {
			t.Fatalf("%s: %v", step.when, result.Errors)
		}
		want(step.when, step.in)
	}
	if all := c.nodes().Nodes; all[1].Pools[0].State != balancer.Draining.String() {
		t.Errorf("%+v", all)
	}
	c.must(t, "n2", "undrain", api.NodeChange{})
	c.must(t, "n2", "weight", api.NodeChange{Weight: new(int)})
	write(strings.ReplaceAll(twoPools, "n2", "n4"))
	reload()
	if all := c.nodes().Nodes; len(all) != 3 {
		t.Errorf("a node without settings is left: %+v", all)
	}
}
