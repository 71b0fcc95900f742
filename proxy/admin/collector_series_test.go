package admin

import (
	"fmt"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"mqttlb/balancer"
	"mqttlb/balancer/health"
	"mqttlb/proxy"
	"mqttlb/proxy/snapshot"
)

// fleet is a mqttlb of a certain size. Every listener leads to every node.
type fleet struct{ listeners, tls, tolerant, nodes, loops int }

// collector returns the collector of a fleet in which nothing has happened yet.
func (f fleet) collector(t testing.TB) *fixed {
	t.Helper()
	spec := balancer.PoolSpec{Name: "p"}
	for i := range f.nodes {
		spec.Nodes = append(spec.Nodes, balancer.NodeSpec{Name: fmt.Sprint("n", i), Address: fmt.Sprintf("127.0.0.1:%d", 1+i), MaxConnections: 1, ConnectRate: 1})
	}
	b, err := balancer.NewPool(spec)
	if err != nil {
		t.Fatal(err)
	}
	c := &fixed{collector: collector{Sources{Pools: func() []*snapshot.Pool { return []*snapshot.Pool{{Pool: b}} }}}}
	c.Health = func() (all map[string][]health.Status) {
		all = map[string][]health.Status{}
		for _, n := range b.Nodes() {
			all["p"] = append(all["p"], health.Status{Node: n, Last: time.Now(), Since: time.Now()})
		}
		return all
	}
	c.Names = func() Names { return Names{} }
	c.Reloads = func() Reloads { return Reloads{} }
	latency := proxy.Histogram{Bounds: proxy.LatencyBounds, Counts: make([]uint64, len(proxy.LatencyBounds)+1)}
	for i := range f.listeners {
		name := fmt.Sprint("l", i)
		c.stats.Listeners = append(c.stats.Listeners, proxy.ListenerStats{Name: name, TLS: i < f.tls, Tolerant: i < f.tolerant, Handshake: latency})
		for _, n := range b.Nodes() {
			c.stats.Flows = append(c.stats.Flows, proxy.FlowStats{
				Listener: name, Pool: "p", Node: n.Name, Times: proxy.Times{TimeToConnack: latency, Dial: latency, Duration: latency},
			})
		}
	}
	for range f.loops {
		turns := proxy.Histogram{Bounds: proxy.TurnBounds, Counts: make([]uint64, len(proxy.TurnBounds)+1)}
		c.stats.Loops = append(c.stats.Loops, proxy.LoopStats{TurnTime: turns, Lag: turns})
	}
	return c
}

// series returns the number of series of a fleet.
func (f fleet) series(t testing.TB) int {
	t.Helper()
	gathered, err := newRegistry(f.collector(t)).Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range gathered {
		for _, m := range f.GetMetric() {
			switch {
			case m.GetHistogram() != nil:
				n += len(m.GetHistogram().GetBucket()) + 3 // +Inf, sum and count
			case m.GetSummary() != nil:
				n += len(m.GetSummary().GetQuantile()) + 2
			default:
				n++
			}
		}
	}
	return n
}

// docs/metrics.md says how many series a configuration makes.
func TestThePageSaysHowManySeriesThereAre(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	said := func(of string) int {
		row := regexp.MustCompile(`(?m)^\| ` + of + ` \| ([0-9]+)\b`).FindSubmatch(page)
		if row == nil {
			t.Fatalf("the page does not say how many series a %s makes", of)
		}
		n, _ := strconv.Atoi(string(row[1]))
		return n
	}
	flow, node := said("flow"), said("node")
	base := fleet{1, 0, 0, 1, 1}.series(t)
	for _, row := range []struct {
		what  string
		fleet fleet
		said  int
	}{
		{"listener", fleet{2, 0, 0, 1, 1}, said("listener") + flow},
		{"listener with TLS", fleet{1, 1, 0, 1, 1}, said("listener with TLS")},
		{"tolerant listener", fleet{1, 0, 1, 1, 1}, said("listener with .validity: tolerant.")},
		{"node", fleet{1, 0, 0, 2, 1}, node + flow},
		{"flow", fleet{2, 0, 0, 2, 1}, said("listener") + node + 3*flow},
		{"loop", fleet{1, 0, 0, 1, 2}, said("loop")},
	} {
		if got := row.fleet.series(t) - base; got != row.said {
			t.Errorf("a %s more makes %d series, the page says %d", row.what, got, row.said)
		}
	}
	// What the kernel and Go have varies a little.
	if process, got := said("process"), base-said("listener")-flow-node-said("loop"); got < process*9/10 || got > process*11/10 {
		t.Errorf("the process itself makes %d series, the page says %d", got, process)
	}
}

// BenchmarkScrape is what a scrape costs outside of the loops, by the number of series.
func BenchmarkScrape(b *testing.B) {
	for _, f := range []fleet{{3, 1, 0, 3, 4}, {20, 5, 0, 60, 16}} {
		b.Run(fmt.Sprintf("%d series", f.series(b)), func(b *testing.B) {
			handler := promhttp.HandlerFor(newRegistry(f.collector(b)), promhttp.HandlerOpts{})
			for b.Loop() {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
				if w.Code != 200 {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}
