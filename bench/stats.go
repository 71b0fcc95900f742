//go:build linux

package bench

import (
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Stats are the counters of a Fleet since its start. Latencies are in nanoseconds.
type Stats struct {
	Open      int    // sockets
	Connected int    // with a CONNACK, now
	Connects  uint64 // CONNACKs that accepted
	Resumed   uint64 // TLS handshakes that resumed a session
	Refused   uint64 // CONNACKs that refused
	Failed    uint64 // connections that ended before a CONNACK
	Lost      uint64 // connections that ended after the CONNACK, except those that a churning fleet ends
	Published uint64 // PUBLISH packets sent
	Acked     uint64 // messages of QoS 1 and 2 with a complete acknowledgement
	Received  uint64 // PUBLISH packets received
	Granted   uint64 // subscriptions acknowledged

	Connect  *hdrhistogram.Histogram // from connect(2) to CONNACK
	Ack      *hdrhistogram.Histogram // from the time when a message was due to its PUBACK or PUBCOMP
	Delivery *hdrhistogram.Histogram // from the time when a message was due to its arrival; needs Stamp at the publisher

	// Causes counts the errors in Refused, Failed and Lost by their text.
	Causes map[string]uint64
}

// Settled returns how many connections have ended or have a CONNACK.
func (s *Stats) Settled() int { return int(s.Connects + s.Refused + s.Failed) }

// Latencies are recorded from 1 µs to 5 minutes with three significant digits. The memory
// of a histogram is allocated for the whole run.
const (
	lowestLatency  = int64(time.Microsecond)
	highestLatency = int64(5 * time.Minute)
)

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(lowestLatency, highestLatency, 3)
}

func record(h *hdrhistogram.Histogram, ns int64) {
	// A clamped value can always be recorded.
	_ = h.RecordValue(min(max(ns, lowestLatency), highestLatency))
}

// Quantiles are quantiles of a histogram, in microseconds.
type Quantiles struct {
	Count int64   `json:"count"`
	Min   float64 `json:"min_us"`
	P50   float64 `json:"p50_us"`
	P90   float64 `json:"p90_us"`
	P99   float64 `json:"p99_us"`
	P999  float64 `json:"p999_us"`
	Max   float64 `json:"max_us"`
}

// QuantilesOf returns the usual quantiles.
func QuantilesOf(h *hdrhistogram.Histogram) Quantiles {
	us := func(ns int64) float64 { return math.Round(float64(ns)/100) / 10 }
	at := func(q float64) float64 { return us(h.ValueAtQuantile(q)) }
	return Quantiles{
		Count: h.TotalCount(), Min: us(h.Min()), Max: us(h.Max()),
		P50: at(50), P90: at(90), P99: at(99), P999: at(99.9),
	}
}
