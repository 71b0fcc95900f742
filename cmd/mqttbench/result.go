//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"mqttlb/bench"
)

// rates prints the rates of every second.
type rates struct {
	w     io.Writer
	stats *bench.Stats
	last  bench.Stats
	at    time.Duration
}

func newRates(w io.Writer, s *bench.Stats) *rates { return &rates{w: w, stats: s, last: *s} }

// tick prints a line when a second has passed since the last one. Rates are relative to
// the time that really passed.
func (r *rates) tick(now time.Duration) {
	if now-r.at < time.Second {
		return
	}
	s, seconds := *r.stats, (now - r.at).Seconds()
	line := fmt.Sprintf("%4.0fs  connected %d", now.Seconds(), s.Connected)
	show := func(name string, n, before uint64) {
		if n > 0 {
			line += fmt.Sprintf("  %s %d (%.0f/s)", name, n, float64(n-before)/seconds)
		}
	}
	show("connacks", s.Connects, r.last.Connects)
	show("published", s.Published, r.last.Published)
	show("acknowledged", s.Acked, r.last.Acked)
	show("received", s.Received, r.last.Received)
	show("refused", s.Refused, r.last.Refused)
	show("failed", s.Failed, r.last.Failed)
	show("lost", s.Lost, r.last.Lost)
	fmt.Fprintln(r.w, line)
	r.last, r.at = s, now
}

// summary is the result of a run, without latencies that were not measured.
type summary struct {
	Seconds   float64           `json:"seconds"`
	Connected int               `json:"connected"`
	Connects  uint64            `json:"connacks"`
	Resumed   uint64            `json:"resumed,omitempty"` // of --ssl --resume
	Refused   uint64            `json:"refused"`
	Failed    uint64            `json:"failed"`
	Lost      uint64            `json:"lost"`
	Granted   uint64            `json:"subscribed"`
	Published uint64            `json:"published"`
	Acked     uint64            `json:"acknowledged"`
	Received  uint64            `json:"received"`
	Connect   *bench.Quantiles  `json:"connect_latency,omitempty"`
	Ack       *bench.Quantiles  `json:"ack_latency,omitempty"`
	Delivery  *bench.Quantiles  `json:"delivery_latency,omitempty"`
	Causes    map[string]uint64 `json:"causes,omitempty"`
}

func result(s *bench.Stats, took time.Duration) *summary {
	r := &summary{
		Seconds: took.Seconds(), Connected: s.Connected, Connects: s.Connects, Resumed: s.Resumed, Refused: s.Refused,
		Failed: s.Failed, Lost: s.Lost, Granted: s.Granted, Published: s.Published, Acked: s.Acked,
		Received: s.Received, Causes: s.Causes,
	}
	if q := bench.QuantilesOf(s.Connect); q.Count > 0 {
		r.Connect = &q
	}
	if q := bench.QuantilesOf(s.Ack); q.Count > 0 {
		r.Ack = &q
	}
	if q := bench.QuantilesOf(s.Delivery); q.Count > 0 {
		r.Delivery = &q
	}
	return r
}

func (r *summary) write(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%.1f s: %d connected, %d CONNACKs, %d refused, %d failed, %d lost, %d subscribed\n",
		r.Seconds, r.Connected, r.Connects, r.Refused, r.Failed, r.Lost, r.Granted)
	if r.Resumed > 0 {
		fmt.Fprintf(&b, "%d TLS sessions resumed\n", r.Resumed)
	}
	fmt.Fprintf(&b, "published %d, acknowledged %d, received %d\n", r.Published, r.Acked, r.Received)
	for _, l := range []struct {
		name string
		q    *bench.Quantiles
	}{{"connect to CONNACK", r.Connect}, {"due to acknowledgement", r.Ack}, {"due to delivery", r.Delivery}} {
		if l.q != nil {
			fmt.Fprintf(&b, "%s, µs: min %.0f  p50 %.0f  p90 %.0f  p99 %.0f  p99.9 %.0f  max %.0f  (%d)\n",
				l.name, l.q.Min, l.q.P50, l.q.P90, l.q.P99, l.q.P999, l.q.Max, l.q.Count)
		}
	}
	for _, cause := range slices.Sorted(maps.Keys(r.Causes)) {
		fmt.Fprintf(&b, "%d connections: %s\n", r.Causes[cause], cause)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
