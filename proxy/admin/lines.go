package admin

import "mqttlb/proxy"

// Lines counts the log lines that were not written because the log was too slow or failed.
type Lines struct {
	Process uint64 // lines of the process itself
	proxy.Lines
}

var (
	linesDropped = newCounter("log_lines_dropped_total", "Lines that the log was too slow for, or that it failed to write, by kind.", "kind")
	linesLeftOut = newCounter("log_lines_sampled_out_total", "Lines left out by log.sample, by kind. The other counters count their sessions and requests.", "kind")
)

// lines sends the lines that are missing in the log: those dropped by the log itself, and those that the
// server has not passed to it.
func (s scrape) lines(log Lines, stats *proxy.Stats) {
	dropped, leftOut := &stats.LinesDropped, &stats.LinesLeftOut
	s.count(linesDropped, log.Process, "process")
	s.count(linesDropped, log.Sessions+dropped.Sessions, "session")
	s.count(linesDropped, log.Requests+dropped.Requests, "request")
	s.count(linesDropped, log.Debug+dropped.Debug, "debug")
	s.count(linesLeftOut, leftOut.Sessions, "session")
	s.count(linesLeftOut, leftOut.Requests, "request")
}
