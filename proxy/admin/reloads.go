package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Reloads is the state of reloads since the start.
type Reloads struct {
	Done, Refused uint64 // Done counts reloads that took effect, Refused those that changed nothing

	// Failed says that the last configuration that was read, at the start or later, is
	// not in force.
	Failed bool

	Last time.Time // when the configuration in force was read
}

var (
	configReloads      = describe("config_reloads_total", "Reloads of the configuration since the start, by how they ended.", "result")
	configReloadFailed = describe("config_reload_failed", "1 while the configuration that was read last could not be used and an earlier one is in force.")
	configLastReload   = describe("config_last_reload_timestamp_seconds", "When the configuration in force was read, in Unix time.")
)

func (r *Reloads) collect(ch chan<- prometheus.Metric) {
	failed := 0.0
	if r.Failed {
		failed = 1
	}
	ch <- prometheus.MustNewConstMetric(configReloads, prometheus.CounterValue, float64(r.Done), "done")
	ch <- prometheus.MustNewConstMetric(configReloads, prometheus.CounterValue, float64(r.Refused), "refused")
	ch <- prometheus.MustNewConstMetric(configReloadFailed, prometheus.GaugeValue, failed)
	ch <- prometheus.MustNewConstMetric(configLastReload, prometheus.GaugeValue, float64(r.Last.UnixNano())/1e9)
}
