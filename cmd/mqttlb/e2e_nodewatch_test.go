package main_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// nodeWatch follows the sessions of the nodes a, b and c.
type nodeWatch struct {
	t       *testing.T
	r       *reloadee
	clients int
	samples []nodeSample
}

// nodeSample is how many sessions had come to the nodes at a time.
type nodeSample struct {
	before, after time.Time // of the request
	total         map[string]int
}

func watchNodes(t *testing.T, r *reloadee, clients int) *nodeWatch {
	return &nodeWatch{t: t, r: r, clients: clients}
}

// sample adds a sample and returns the open sessions of each node.
func (w *nodeWatch) sample() (open map[string]int) {
	w.t.Helper()
	s := nodeSample{before: time.Now(), total: map[string]int{}}
	m := w.r.metrics(w.t)
	s.after = time.Now()
	open = map[string]int{}
	for _, node := range []string{"a", "b", "c"} {
		label := fmt.Sprintf("node=%q", node)
		open[node] = int(m.sum(w.t, "mqttlb_sessions_open", label))
		s.total[node] = int(m.sum(w.t, "mqttlb_sessions_total", label))
	}
	w.samples = append(w.samples, s)
	return open
}

// begin begins with a sample of nodes to which nobody is on the way.
func (w *nodeWatch) begin() {
	w.t.Helper()
	w.samples = nil
	w.sample()
}

// await waits until all clients are in, and where they should be.
func (w *nodeWatch) await(what string, cond func(open map[string]int) bool) {
	w.t.Helper()
	eventually(w.t, what, func() bool {
		open := w.sample()
		return open["a"]+open["b"]+open["c"] == w.clients && cond(open)
	})
}

// checkRate checks that no node has got more sessions since begin than its rate allows. A busy machine can delay
// sessions, so that more than the rate come in a second; it cannot make them more altogether.
func (w *nodeWatch) checkRate(rate int) {
	w.t.Helper()
	first := w.samples[0]
	for _, s := range w.samples {
		for node, total := range s.total {
			allowed := int(float64(rate)*(s.after.Sub(first.before).Seconds()+0.1)) + 1
			if n := total - first.total[node]; n > allowed {
				w.t.Errorf("%d sessions have come to %s in %v, more than %d", n, node, s.after.Sub(first.before), allowed)
			}
		}
	}
}

// busiest returns the most clients that a broker has taken in a second of the clock since then, as its log says:
// 1700000000: New client connected from 127.0.0.1:40000 as sensor-1 (p2, c1, k0).
func busiest(brokers []*process, since time.Time) (most int) {
	for _, p := range brokers {
		taken := map[string]int{}
		for _, line := range p.said("New client connected from") {
			second, _, _ := strings.Cut(line, ":")
			if at, err := strconv.ParseInt(second, 10, 64); err == nil && at > since.Unix() {
				taken[second]++
				most = max(most, taken[second])
			}
		}
	}
	return most
}
