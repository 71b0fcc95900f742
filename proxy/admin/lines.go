package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"mqttlb/proxy"
)

// Lines counts the log lines that were not written because the log was too slow or failed.
type Lines struct {
	Process uint64 // lines of the process itself
	proxy.Lines
}

var (
	linesDropped = describe("log_lines_dropped_total", "Lines that the log was too slow for, or that it failed to write, by kind.", "kind")
	linesLeftOut = describe("log_lines_sampled_out_total", "Lines left out by log.sample, by kind. The other counters count their sessions and requests.", "kind")
)

// collectLines reports the lines that are missing in the log: those dropped by the log itself, and those
// that the server has not passed to it.
func collectLines(ch chan<- prometheus.Metric, log Lines, server *proxy.Stats) {
	count := func(d *prometheus.Desc, n uint64, kind string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), kind)
	}
	dropped, leftOut := &server.LinesDropped, &server.LinesLeftOut
	count(linesDropped, log.Process, "process")
	count(linesDropped, log.Sessions+dropped.Sessions, "session")
	count(linesDropped, log.Requests+dropped.Requests, "request")
	count(linesDropped, log.Debug+dropped.Debug, "debug")
	count(linesLeftOut, leftOut.Sessions, "session")
	count(linesLeftOut, leftOut.Requests, "request")
}
