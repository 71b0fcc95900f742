//go:build linux

package compare

import (
	"context"
	"fmt"
	"time"

	load "mqttlb/bench"
)

// shortSlice is the time slice of load and broker when latency is measured. They share a
// core. With the kernel's 3 ms their waits for each other would be the tail. (A real-time
// policy is worse: it starves the kernel thread that delivers packets, for tens of ms.)
const shortSlice = 100 * time.Microsecond

// latencyPairs multiplies the number of pairs for latencies. In a third of the turns the
// machine stalls for a moment, and the tail of that turn is ten times that of the others.
// With five pairs the median is too often such a turn.
const latencyPairs = 3

// latency makes a measure of an open loop at a percentage of HAProxy's maximum.
func latency(percent int) measure {
	m := measure{
		name: fmt.Sprintf("latency-%d", percent),
		work: work{clients: 100, payload: 64, inflight: 16, percent: percent, slice: shortSlice, repeat: latencyPairs},
		run:  openLoop,
	}
	for _, quantile := range []string{"p50", "p99", "p99.9"} {
		m.rows = append(m.rows, row{
			name:  m.name + "-" + quantile,
			title: fmt.Sprintf("latency of a QoS 1 round trip at %d %% of HAProxy's maximum, %s", percent, quantile),
			unit:  "µs",
			tail:  quantile != "p50",
		})
	}
	return m
}

// openLoop finds the maximum once and then runs every candidate at the percentage.
func openLoop(ctx context.Context, b *bench, m measure) ([]Measure, error) {
	if b.most == 0 {
		closed := m
		closed.rows = []row{{name: m.name, unit: "round trips a second at most"}}
		found, err := held(throughput)(ctx, b, closed)
		if err != nil {
			return nil, fmt.Errorf("HAProxy's maximum: %w", err)
		}
		b.most = found[0].Figures[0].Median
	}
	return held(onTime)(ctx, b, m)
}

// throughput measures round trips per second in a closed loop: each client has one
// unacknowledged message at a time.
func throughput(ctx context.Context, b *bench, m measure, r *running, f *load.Fleet) ([]sample, error) {
	m.work.inflight = 1
	began := time.Now()
	before := f.Stats().Acked
	s, err := roundTrip(ctx, b, m, r, f)
	if err != nil {
		return nil, err
	}
	rate := float64(f.Stats().Acked-before) / time.Since(began).Seconds()
	return []sample{{value: rate, machine: s[0].machine}}, nil
}

// onTime measures from the time when a message was due to its PUBACK. A candidate that
// falls behind shows it, because the schedule does not wait. The first row has the CPU of
// the whole machine.
func onTime(ctx context.Context, b *bench, m measure, r *running, f *load.Fleet) ([]sample, error) {
	rate := b.most * float64(m.work.percent) / 100
	err := f.Publish(load.Publishing{
		Topic: "bench/%i", QoS: 1, Size: m.work.payload, Inflight: m.work.inflight,
		Interval: time.Duration(float64(m.work.clients) / rate * float64(time.Second)),
	})
	if err != nil {
		return nil, err
	}
	if err := f.RunFor(ctx, b.opt.Turn/10); err != nil {
		return nil, err
	}
	f.ResetLatencies()
	s, err := b.acknowledged(ctx, r, f)
	if err != nil {
		return nil, err
	}
	f.Pause()
	if err := drain(ctx, f); err != nil {
		return nil, err
	}
	q := load.QuantilesOf(f.Stats().Ack)
	return []sample{{value: q.P50, machine: s.machine}, {value: q.P99}, {value: q.P999}}, nil
}
