package proxy

import (
	"slices"
	"testing"
	"time"
)

func TestDurationsAreInTheirBuckets(t *testing.T) {
	for name, s := range map[string]*scale{"latencies": &latencies, "durations": &durations, "turn times": &turnTimes} {
		if !slices.IsSorted(s[:]) || s[0] <= 0 {
			t.Errorf("%s: %v", name, s)
		}
		var h histogram
		h.observe(s, 0)
		for _, bound := range s {
			h.observe(s, bound) // belongs to the bucket
			h.observe(s, bound+1)
		}
		h.observe(s, 1000*24*time.Hour)
		var got Histogram
		h.addTo(&got, s.seconds())
		h.addTo(&got, s.seconds())
		want := slices.Repeat([]uint64{4}, buckets+1)
		if !slices.Equal(got.Counts, want) || got.Count() != 4*(buckets+1) || len(got.Bounds) != buckets {
			t.Errorf("%s: %v", name, got)
		}
		if sum := 2 * h.sum.Seconds(); got.Sum != sum || sum < 2*1000*24*3600 {
			t.Errorf("%s: sum %v, want %v", name, got.Sum, sum)
		}
		sum := h
		sum.add(&h)
		if sum.sum != 2*h.sum || sum.counts[0] != 2*h.counts[0] || sum.counts[buckets] != 2*h.counts[buckets] {
			t.Errorf("%s: twice is %v", name, sum)
		}
	}
	if TurnBounds[0] != 10e-6 || LatencyBounds[0] != 0.0005 || DurationBounds[0] != 0.1 {
		t.Errorf("bounds in seconds: %v, %v, %v", TurnBounds, LatencyBounds, DurationBounds)
	}
}

func TestObservingAllocatesNothing(t *testing.T) {
	var h histogram
	if n := testing.AllocsPerRun(100, func() { h.observe(&turnTimes, time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
