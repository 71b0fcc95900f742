package admin

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"mqttlb/proxy"
)

// newRegistry returns a registry with mqttlb's own metrics, those of the Go runtime, and those that
// the kernel has for the process.
func newRegistry(own prometheus.Collector) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(own, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// collector makes mqttlb's own metrics. It reads its sources at each scrape: the loops count for
// themselves, and nothing here is on the path of a byte.
//
// docs/metrics.md describes each metric, and how many series there are. Labels are names of the
// configuration, or values of a short list, so that clients cannot make series.
type collector struct{ Sources }

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range catalogue {
		ch <- m.desc
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	stats := c.Server.Stats()
	c.collect(scrape(ch), &stats)
}

func (c *collector) collect(s scrape, stats *proxy.Stats) {
	pools := c.Pools()
	s.listeners(stats.Listeners)
	s.listenerTLS(stats.Listeners)
	s.rules(stats.Rules)
	s.flows(stats)
	s.answers(stats.Flows)
	s.nodes(pools)
	if c.Nodes != nil {
		s.operators(c.Nodes())
	} else {
		s.operators(unset(pools))
	}
	s.rebalances(stats.Rebalances)
	s.nodeTLS(pools)
	s.sourcePorts(pools)
	s.process(stats)
	s.bans(&stats.Bans)
	if c.Health != nil {
		s.probes(c.Health())
	}
	if c.Discovery != nil {
		s.discovery(c.Discovery())
	}
	if c.Names != nil {
		s.names(c.Names())
	}
	if c.Reloads != nil {
		s.reloads(c.Reloads())
	}
	var lines Lines
	if c.LinesDropped != nil {
		lines = c.LinesDropped()
	}
	s.lines(lines, stats)
	s.build(c.Version)
}
