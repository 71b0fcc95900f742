//go:build linux

package compare

import (
	"context"
	"fmt"
	"strings"
	"time"

	load "mqttlb/bench"
)

// measure is one question of the comparison. Its turns answer one or more rows.
type measure struct {
	name string
	rows []row
	work work
	run  func(context.Context, *bench, measure) ([]Measure, error)
}

// row is a line of the table.
type row struct {
	name, title, unit string

	more bool // more is better
	tail bool // tail of a distribution: see Ratio
}

// work is the load of a measure, and its requirements for the configurations.
type work struct {
	clients  int           // connections
	payload  int           // of a message, bytes
	inflight int           // unacknowledged messages of a client; 0: 1
	percent  int           // of HAProxy's maximum, in an open loop
	repeat   int           // multiplies the number of pairs; 0: 1
	slice    time.Duration // time slice of load and broker on the core they share; 0: the kernel's
	threads  int           // of the balancer; 0: 1
	bufsize  int           // HAProxy's tune.bufsize, bytes; 0: its default, 16384

	protocol    protocol // of the clients, and of the nodes
	translate   bool     // nodes speak plain MQTT if the balancer can translate
	besideMQTT  bool     // the reference is mqttlb over plain MQTT, not HAProxy
	certificate kind     // of the balancers, with TLS
	resume      bool     // resume TLS sessions by tickets
	scraped     bool     // the balancer has metrics for Prometheus
}

// measures are all measures, in the order of the page.
var measures = []measure{
	cpu("roundtrip-20", "CPU per QoS 1 round trip, 64 B, 20 connections", work{clients: 20, payload: 64}, held(roundTrip)),
	cpu("roundtrip-100", "CPU per QoS 1 round trip, 64 B, 100 connections", work{clients: 100, payload: 64}, held(roundTrip)),
	cpu("roundtrip-1000", "CPU per QoS 1 round trip, 64 B, 1,000 connections", work{clients: 1000, payload: 64}, held(roundTrip)),
	cpu("roundtrip-4k", "CPU per QoS 1 round trip, 4 KiB, 100 connections", work{clients: 100, payload: 4 << 10}, held(roundTrip)),
	cpu("inflight-16", "CPU per QoS 1 round trip, 64 B, 100 connections with 16 in flight each",
		work{clients: 100, payload: 64, inflight: 16}, held(roundTrip)),
	cpu("bulk", "CPU per message of 256 KiB, 20 connections, HAProxy's default buffers",
		work{clients: 20, payload: 256 << 10}, held(roundTrip)),
	cpu("bulk-tuned", "CPU per message of 256 KiB, 20 connections, HAProxy with tune.bufsize 131072",
		work{clients: 20, payload: 256 << 10, bufsize: 128 << 10}, held(roundTrip)),
	cpu("connect", "CPU per new connection (connect, CONNECT, CONNACK, RST)", work{clients: 32}, newConnections),
	{"memory", []row{
		{name: "memory", title: "user memory per idle connection, after a burst", unit: "bytes"},
		{name: "memory-grown", title: "user memory grown by from the start to 9,000 connections, for each", unit: "bytes"},
		{name: "slab", title: "kernel slab of the whole machine per connection (client, balancer and broker)", unit: "bytes"},
		{name: "descriptors", title: "descriptors of the balancer per connection"},
	}, work{clients: 9000}, idleMemory},
	{"scrape", []row{
		{name: "scrape", title: "CPU per scrape of the metrics for Prometheus, with 9,000 connections", unit: "µs"},
		{name: "scrape-bytes", title: "size of the metrics", unit: "bytes"},
		{name: "scrape-latency", title: "latency of a QoS 1 round trip, 1,000 a second over these connections, beside 10 scrapes a second, p99", unit: "µs", tail: true},
	}, work{clients: 9000, payload: 64, scraped: true}, scrapes},
	latency(10),
	latency(30),
	latency(60),
	{"storm", []row{
		{name: "storm", title: "9,000 clients at once, until all have a CONNACK", unit: "ms"},
	}, work{clients: 9000}, storm},
	{"threads-2", []row{
		{name: "threads-2", title: "QoS 1 round trips per second, 64 B, 100 connections, two threads each", more: true},
	}, work{clients: 100, payload: 64, threads: 2}, held(throughput)},
	cpu("ws-roundtrip-100", "CPU per QoS 1 round trip, 64 B, 100 WebSocket connections",
		work{clients: 100, payload: 64, protocol: ws}, held(roundTrip)),
	cpu("ws-translate", "CPU per QoS 1 round trip, 64 B, 100 WebSocket connections; mqttlb before plain MQTT nodes (HAProxy cannot)",
		work{clients: 100, payload: 64, protocol: ws, translate: true}, held(roundTrip)),
	cpu("ws-vs-mqtt", "CPU per QoS 1 round trip, 64 B, 100 connections; mqttlb over WebSocket beside itself over plain MQTT",
		work{clients: 100, payload: 64, protocol: ws, besideMQTT: true}, held(roundTrip)),
	cpu("ws-connect", "CPU per new WebSocket connection (connect, upgrade, CONNECT, CONNACK, RST)",
		work{clients: 32, protocol: ws}, newConnections),
	{"ws-memory", []row{
		{name: "ws-memory", title: "user memory per idle WebSocket connection, after a burst", unit: "bytes"},
		{name: "ws-memory-grown", title: "user memory grown by from the start to 9,000 WebSocket connections, for each", unit: "bytes"},
	}, work{clients: 9000, protocol: ws}, idleMemory},
	cpu("tls-roundtrip-100", "CPU per QoS 1 round trip, 64 B, 100 connections over TLS 1.3",
		work{clients: 100, payload: 64, protocol: mqtts}, held(roundTrip)),
	cpu("tls-connect", "CPU per new connection over TLS 1.3 (connect, full handshake, CONNECT, CONNACK, RST)",
		work{clients: 32, protocol: mqtts}, newConnections),
	cpu("tls-connect-resumed", "CPU per new connection over TLS 1.3 that resumes a session (connect, handshake with a ticket, CONNECT, CONNACK, RST)",
		work{clients: 32, protocol: mqtts, resume: true}, newConnections),
	cpu("tls-connect-rsa", "CPU per new connection over TLS 1.3 with an RSA certificate of 2,048 bits (connect, full handshake, CONNECT, CONNACK, RST)",
		work{clients: 32, protocol: mqtts, certificate: rsa2048}, newConnections),
	{"stalled", []row{
		{name: "stalled-none", title: "TLS 1.3 handshake of a client, nobody else there", unit: "µs"},
		{name: "stalled-hello", title: "the same beside 9,000 clients of one address that have sent one byte of their ClientHello, in multiples of that"},
		{name: "stalled-hello-1000", title: "the same, from 1,000 addresses"},
		{name: "stalled-answered", title: "the same beside 1,000 clients of one address that are silent after the ServerHello"},
		{name: "stalled-answered-1000", title: "the same, from 1,000 addresses"},
	}, work{clients: 10_000, protocol: mqtts}, stalledHandshakes},
	{"tls-memory", []row{
		{name: "tls-memory", title: "user memory per idle connection over TLS 1.3, after a burst", unit: "bytes"},
		{name: "tls-memory-grown", title: "user memory grown by from the start to 9,000 connections over TLS 1.3, for each", unit: "bytes"},
	}, work{clients: 9000, protocol: mqtts}, idleMemory},
}

// cpu returns a measure of CPU time, in microseconds. It has one row in the table.
func cpu(name, title string, w work, run func(context.Context, *bench, measure) ([]Measure, error)) measure {
	return measure{name, []row{{name: name, title: title, unit: "µs"}}, w, run}
}

// Names returns the names of the measures.
func Names() []string {
	var names []string
	for _, m := range measures {
		names = append(names, m.name)
	}
	return names
}

// rowNames returns the names of all rows.
func rowNames() []string {
	var names []string
	for _, m := range measures {
		for _, r := range m.rows {
			names = append(names, r.name)
		}
	}
	return names
}

func selectMeasures(only []string) ([]measure, error) {
	if len(only) == 0 {
		return measures, nil
	}
	var selected []measure
	for _, pattern := range only {
		before := len(selected)
		for _, m := range measures {
			if matches(pattern, m.name) {
				selected = append(selected, m)
			}
		}
		if len(selected) == before {
			return nil, fmt.Errorf("no measure %q; there are %s", pattern, strings.Join(Names(), ", "))
		}
	}
	return selected, nil
}

// matches reports whether a pattern matches the name; a trailing * matches any end.
func matches(pattern, name string) bool {
	start, open := strings.CutSuffix(pattern, "*")
	return name == pattern || open && strings.HasPrefix(name, start)
}

// clients returns the options of the load, the same for every candidate and measure.
func clients(r *running, n int) load.Options {
	return load.Options{
		Targets: r.targets, Clients: n, Handshakes: min(n, 100),
		Version: 4, Prefix: "bench-client-0000000-", Username: "bench", Password: "secret",
		KeepAlive: 300, CleanStart: true, WebSocket: r.protocol == ws, TLS: r.tls,
	}
}

// balancerThreads returns the number of threads, at least one.
func (w work) balancerThreads() int { return max(w.threads, 1) }

func moreIsBetter(rowName string) bool {
	for _, m := range measures {
		for _, r := range m.rows {
			if r.name == rowName {
				return r.more
			}
		}
	}
	return false
}
