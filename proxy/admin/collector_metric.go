package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mqttlb/proxy"
)

// metric is one of mqttlb's own metrics.
type metric struct {
	name, kind string // kind as in # TYPE
	labels     []string
	desc       *prometheus.Desc
}

// catalogue has every metric of the collector. A metric enters it where it is declared.
var catalogue []*metric

func declare(kind, name, help string, labels []string) *metric {
	m := &metric{name: "mqttlb_" + name, kind: kind, labels: labels}
	m.desc = prometheus.NewDesc(m.name, help, labels, nil)
	catalogue = append(catalogue, m)
	return m
}

func newGauge(name, help string, labels ...string) *metric {
	return declare("gauge", name, help, labels)
}

func newCounter(name, help string, labels ...string) *metric {
	return declare("counter", name, help, labels)
}

func newHistogram(name, help string, labels ...string) *metric {
	return declare("histogram", name, help, labels)
}

// scrape takes the values of one scrape. The labels of a value are in the order of its metric's.
type scrape chan<- prometheus.Metric

func (s scrape) gauge(m *metric, v float64, labels ...string) {
	s.send(m, prometheus.GaugeValue, v, labels)
}

// flag sends 1 for true and 0 for false.
func (s scrape) flag(m *metric, is bool, labels ...string) {
	v := 0.0
	if is {
		v = 1
	}
	s.gauge(m, v, labels...)
}

func (s scrape) count(m *metric, n uint64, labels ...string) {
	s.send(m, prometheus.CounterValue, float64(n), labels)
}

// seconds sends a counter of time.
func (s scrape) seconds(m *metric, d time.Duration, labels ...string) {
	s.send(m, prometheus.CounterValue, d.Seconds(), labels)
}

// histogram sends a histogram. One without buckets has not been measured, and is not sent.
func (s scrape) histogram(m *metric, h *proxy.Histogram, labels ...string) {
	if len(h.Bounds) == 0 {
		return
	}
	below, upTo := uint64(0), make(map[float64]uint64, len(h.Bounds))
	for i, bound := range h.Bounds {
		below += h.Counts[i]
		upTo[bound] = below
	}
	value, err := prometheus.NewConstHistogram(m.desc, h.Count(), h.Sum, upTo, labels...)
	s.sendOr(m, value, err)
}

func (s scrape) send(m *metric, kind prometheus.ValueType, v float64, labels []string) {
	value, err := prometheus.NewConstMetric(m.desc, kind, v, labels...)
	s.sendOr(m, value, err)
}

// sendOr sends a value. An error, as for a label that is not UTF-8, makes the scrape fail and names
// the metric.
func (s scrape) sendOr(m *metric, value prometheus.Metric, err error) {
	if err != nil {
		value = prometheus.NewInvalidMetric(m.desc, err)
	}
	s <- value
}
