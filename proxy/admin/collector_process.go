package admin

import (
	"runtime"

	"mqttlb/proxy"
)

var (
	maxConnections = newGauge("max_connections", "Client connections that are taken at the same time: limits.max_connections, or fewer where the descriptor limit is lower.")
	acceptErrors   = newCounter("accept_errors_total", "Accepts that failed for want of descriptors or memory.")
	linesDropped   = newCounter("log_lines_dropped_total", "Lines that the log was too slow for.")
	buildInfo      = newGauge("build_info", "1, with the version of mqttlb and of Go that this process was built with.", "version", "goversion")
)

// process sends what is counted for the process as a whole.
func (s scrape) process(stats *proxy.Stats) {
	s.gauge(maxConnections, float64(stats.MaxConnections))
	s.count(acceptErrors, stats.AcceptErrors)
}

func (s scrape) build(version string) { s.gauge(buildInfo, 1, version, runtime.Version()) }
