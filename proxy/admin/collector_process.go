package admin

import (
	"runtime"
	"strconv"

	"mqttlb/proxy"
)

var (
	maxConnections = newGauge("max_connections", "Client connections that are taken at the same time: limits.max_connections, or fewer where the descriptor limit is lower.")
	acceptErrors   = newCounter("accept_errors_total", "Accepts that failed, mostly for want of descriptors or memory.")
	loopTurn       = newHistogram("loop_turn_seconds", "Turns of an event loop, without the wait for events.", "loop")
	loopLag        = newHistogram("loop_lag_seconds", "How late an event loop comes to an event, measured once a second.", "loop")
	slowReaders    = newGauge("slow_reader_bytes", "Memory of the bytes that are kept for clients and nodes that do not read them yet.")
	slowReadersNow = newGauge("slow_readers", "Clients and nodes for which bytes are kept because they do not read them yet.")
	writeTimeouts  = newCounter("write_timeouts_total", "Sessions ended because one side took none of the bytes kept for it within timeouts.write, by side.", "side")
	webOpen        = newGauge("http_connections", "Client connections that carry HTTP requests.")
	webMax         = newGauge("http_connections_max", "How many of them are taken at the same time: half of mqttlb_max_connections, or all if no listener takes MQTT.")
	gaveWay        = newCounter("openings_displaced_total", "Connections without a whole handshake, CONNECT or request that were closed for new ones, because all places were taken.")
	openingMemory  = newGauge("opening_memory_bytes", "Memory of openings: beginnings of a CONNECT, a ClientHello or a request, and unfinished TLS handshakes, with 4 KiB for the socket of each.")
	openingLimit   = newGauge("opening_memory_limit_bytes", "The limit of mqttlb_opening_memory_bytes, limits.opening_memory; 0: none.")
	buildInfo      = newGauge("build_info", "1, with the version of mqttlb and of Go that this process was built with.", "version", "goversion")
)

// process sends what is counted for the process as a whole.
func (s scrape) process(stats *proxy.Stats) {
	s.gauge(maxConnections, float64(stats.MaxConnections))
	s.count(acceptErrors, stats.AcceptErrors)
	for i := range stats.Loops {
		s.histogram(loopTurn, &stats.Loops[i].TurnTime, strconv.Itoa(i))
		s.histogram(loopLag, &stats.Loops[i].Lag, strconv.Itoa(i))
	}
	s.gauge(slowReaders, float64(stats.KeptBytes))
	s.gauge(slowReadersNow, float64(stats.SlowReaders))
	s.count(writeTimeouts, stats.StuckClients, "client")
	s.count(writeTimeouts, stats.StuckNodes, "node")
	s.gauge(webOpen, float64(stats.WebConnections))
	s.gauge(webMax, float64(stats.WebConnectionsMax))
	s.count(gaveWay, stats.GaveWay)
	s.gauge(openingMemory, float64(stats.OpeningMemory))
	s.gauge(openingLimit, float64(stats.OpeningMemoryLimit))
}

func (s scrape) build(version string) { s.gauge(buildInfo, 1, version, runtime.Version()) }
