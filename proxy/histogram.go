package proxy

import "time"

// Histogram counts durations by their length.
type Histogram struct {
	Bounds []float64 // upper bounds of the buckets, in s, which belong to them; shared: not to be changed
	Counts []uint64  // by bucket, not cumulative; the last one is for durations above the last bound
	Sum    float64   // of all durations, in s
}

// Count returns the number of durations.
func (h *Histogram) Count() (n uint64) {
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// Add adds the durations of another histogram with the same bounds, or of one without any.
func (h *Histogram) Add(from *Histogram) {
	if h.Counts == nil {
		h.Bounds, h.Counts = from.Bounds, make([]uint64, len(from.Counts))
	}
	for i, n := range from.Counts {
		h.Counts[i] += n
	}
	h.Sum += from.Sum
}

// The upper bounds of the buckets of the histograms, in s.
var (
	LatencyBounds  = latencies.seconds() // of Times.TimeToConnack and Dial, and of ListenerStats.Handshake
	DurationBounds = durations.seconds() // of Times.Duration
	TurnBounds     = turnTimes.seconds() // of LoopStats.TurnTime and Lag
)

// buckets is the number of buckets of every histogram but for the last one.
const buckets = 15

// scale holds the upper bounds of the buckets.
type scale [buckets]time.Duration

const (
	us  = time.Microsecond
	ms  = time.Millisecond
	day = 24 * time.Hour
)

var (
	// A node on the same machine answers within the first bucket. timeouts.dial and the wait for a CONNACK end in the last ones.
	latencies = scale{ms / 2, ms, 5 * ms / 2, 5 * ms, 10 * ms, 25 * ms, 50 * ms, 100 * ms, 250 * ms, 500 * ms,
		time.Second, 5 * time.Second / 2, 5 * time.Second, 10 * time.Second, 30 * time.Second}

	// Sessions last from a moment, of a client that sends one message, to months.
	durations = scale{100 * ms, time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute,
		time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 3 * day, 7 * day, 30 * day}

	// A turn of one event takes some 10 µs, one of 256 events some 10 ms.
	turnTimes = scale{10 * us, 25 * us, 50 * us, 100 * us, 250 * us, 500 * us, ms, 5 * ms / 2, 5 * ms, 10 * ms, 25 * ms, 50 * ms,
		100 * ms, 250 * ms, time.Second}
)

func (s *scale) seconds() []float64 {
	bounds := make([]float64, buckets)
	for i, d := range s {
		bounds[i] = d.Seconds()
	}
	return bounds
}

// histogram counts the durations that one loop measures. Only the loop touches it.
type histogram struct {
	counts [buckets + 1]uint64
	sum    time.Duration
}

// observe counts a duration.
func (h *histogram) observe(s *scale, d time.Duration) {
	i := 0
	for i < buckets && d > s[i] {
		i++
	}
	h.counts[i]++
	h.sum += d
}

// add adds the durations of a histogram of the same bounds.
func (h *histogram) add(from *histogram) {
	for i, n := range from.counts {
		h.counts[i] += n
	}
	h.sum += from.sum
}

// addTo adds the durations to a Histogram, whose bounds these are.
func (h *histogram) addTo(to *Histogram, bounds []float64) {
	to.Add(&Histogram{Bounds: bounds, Counts: h.counts[:], Sum: h.sum.Seconds()})
}
