//go:build linux

package compare

import (
	"context"
	"fmt"
	"slices"
	"strings"

	load "mqttlb/bench"
)

// measure is one question that the comparison asks. Its turns answer one row or several.
type measure struct {
	name string
	rows []row
	work work
	run  func(context.Context, *bench, measure) ([]Measure, error)
}

// row is a line of the table.
type row struct{ name, title, unit string }

// work is what the load does in a measure, and what it needs of the configurations.
type work struct {
	clients  int // connections
	payload  int // of a message, bytes
	inflight int // messages of a client without an acknowledgement; 0: 1
	bufsize  int // HAProxy's tune.bufsize, bytes; 0: its default, 16384
}

// measures are all of them, in the order of the page.
var measures = []measure{
	one("roundtrip-20", "CPU per QoS 1 round trip, 64 B, 20 connections", "µs", work{clients: 20, payload: 64}, held(roundTrip)),
	one("roundtrip-100", "CPU per QoS 1 round trip, 64 B, 100 connections", "µs", work{clients: 100, payload: 64}, held(roundTrip)),
	one("roundtrip-1000", "CPU per QoS 1 round trip, 64 B, 1,000 connections", "µs", work{clients: 1000, payload: 64}, held(roundTrip)),
	one("roundtrip-4k", "CPU per QoS 1 round trip, 4 KiB, 100 connections", "µs", work{clients: 100, payload: 4 << 10}, held(roundTrip)),
	one("inflight-16", "CPU per QoS 1 round trip, 64 B, 100 connections with 16 in flight each", "µs",
		work{clients: 100, payload: 64, inflight: 16}, held(roundTrip)),
	one("bulk", "CPU per message of 256 KiB, 20 connections, HAProxy's default buffers", "µs",
		work{clients: 20, payload: 256 << 10}, held(roundTrip)),
	one("bulk-tuned", "CPU per message of 256 KiB, 20 connections, HAProxy with tune.bufsize 131072", "µs",
		work{clients: 20, payload: 256 << 10, bufsize: 128 << 10}, held(roundTrip)),
	one("connect", "CPU per new connection (connect, CONNECT, CONNACK, RST)", "µs", work{clients: 32}, newConnections),
	{"memory", []row{
		{"memory", "user memory per idle connection, after a burst", "bytes"},
		{"slab", "kernel slab of the whole machine per connection (client, balancer and broker)", "bytes"},
		{"descriptors", "descriptors of the balancer per connection", ""},
	}, work{clients: 9000}, idleMemory},
}

// one is a measure of a single row.
func one(name, title, unit string, w work, run func(context.Context, *bench, measure) ([]Measure, error)) measure {
	return measure{name, []row{{name, title, unit}}, w, run}
}

// Names lists the measures.
func Names() []string {
	var names []string
	for _, m := range measures {
		names = append(names, m.name)
	}
	return names
}

// rowNames lists the rows of all measures.
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
	for _, name := range only {
		i := slices.IndexFunc(measures, func(m measure) bool { return m.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no measure %q; there are %s", name, strings.Join(Names(), ", "))
		}
		selected = append(selected, measures[i])
	}
	return selected, nil
}

// clients are the options of the load, the same for every candidate and measure.
func clients(r *running, n int) load.Options {
	return load.Options{
		Targets: r.targets, Clients: n, Handshakes: min(n, 100),
		Version: 4, Prefix: "bench-client-0000000-", Username: "bench", Password: "secret",
		KeepAlive: 300, CleanStart: true,
	}
}
