//go:build linux

package compare

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	load "mqttlb/bench"
)

// measure is one question that the comparison asks.
type measure struct {
	name  string
	title string
	unit  string
	size  int // connections
	run   func(context.Context, *bench, measure) ([]Measure, error)
}

// measures are all of them, in the order of the page.
var measures = []measure{
	{"roundtrip-20", "CPU per QoS 1 round trip, 64 B, 20 connections", "µs", 20, roundTrips},
	{"roundtrip-100", "CPU per QoS 1 round trip, 64 B, 100 connections", "µs", 100, roundTrips},
	{"roundtrip-1000", "CPU per QoS 1 round trip, 64 B, 1,000 connections", "µs", 1000, roundTrips},
	{"connect", "CPU per new connection (connect, CONNECT, CONNACK, RST)", "µs", 32, newConnections},
	{"memory", "user memory per idle connection, after a burst", "bytes", 9000, idleMemory},
}

// Names lists the measures.
func Names() []string {
	var names []string
	for _, m := range measures {
		names = append(names, m.name)
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

// roundTrips measures a closed loop, one message of each connection in flight. All
// candidates hold their connections throughout; one at a time has something to do.
func roundTrips(ctx context.Context, b *bench, m measure) ([]Measure, error) {
	all, stop, err := b.launchAll(ctx, append(b.candidates[:2:2], direct()))
	if err != nil {
		return nil, err
	}
	defer stop()
	fleets := make(map[*running]*load.Fleet)
	defer func() {
		for _, f := range fleets {
			f.Close()
		}
	}()
	for _, r := range all {
		f, err := load.NewFleet(clients(r, m.size))
		if err != nil {
			return nil, err
		}
		fleets[r] = f
		if err := connectAll(ctx, f, m.size); err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
	}
	turn := func(r *running) (sample, error) {
		f := fleets[r]
		if err := f.Publish(load.Publishing{Topic: "bench/%i", QoS: 1, Size: 64}); err != nil {
			return sample{}, err
		}
		if err := f.RunFor(ctx, b.opt.Turn/10); err != nil {
			return sample{}, err
		}
		w, err := b.openWindow(r)
		if err != nil {
			return sample{}, err
		}
		before := f.Stats().Acked
		if err := f.RunFor(ctx, b.opt.Turn); err != nil {
			return sample{}, err
		}
		s, err := w.close(b, f.Stats().Acked-before)
		if err != nil {
			return sample{}, err
		}
		f.Pause()
		return s, drain(ctx, f)
	}
	t, err := b.inTurns(m, b.opt.Pairs, all, turn)
	if err != nil {
		return nil, err
	}
	return []Measure{t.measure(m)}, nil
}

// newConnections measures connect, PROXY header, CONNECT, CONNACK and the RST that ends
// it, a few connections at a time. Nothing is left in TIME_WAIT at the client.
func newConnections(ctx context.Context, b *bench, m measure) ([]Measure, error) {
	all, stop, err := b.launchAll(ctx, append(b.candidates[:2:2], direct()))
	if err != nil {
		return nil, err
	}
	defer stop()
	churn := func(r *running, length time.Duration) (connections uint64, err error) {
		o := clients(r, m.size)
		o.Churn = true
		f, err := load.NewFleet(o)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		if err := f.RunFor(ctx, length); err != nil {
			return 0, err
		}
		s := f.Stats()
		if s.Failed+s.Refused > 0 {
			return 0, fmt.Errorf("%d connections failed, %d were refused: %v", s.Failed, s.Refused, s.Causes)
		}
		return s.Connects, nil
	}
	turn := func(r *running) (sample, error) {
		idle, err := r.descriptors()
		if err != nil {
			return sample{}, err
		}
		w, err := b.openWindow(r)
		if err != nil {
			return sample{}, err
		}
		n, err := churn(r, b.opt.Turn)
		if err != nil {
			return sample{}, err
		}
		if err := r.settle(ctx, idle); err != nil { // closing is part of the cost
			return sample{}, err
		}
		return w.close(b, n)
	}
	for _, r := range all {
		if _, err := churn(r, b.opt.Turn/10); err != nil { // warm-up
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		if err := r.settle(ctx, 0); err != nil {
			return nil, err
		}
	}
	t, err := b.inTurns(m, b.opt.Pairs, all, turn)
	if err != nil {
		return nil, err
	}
	return []Measure{t.measure(m)}, nil
}

// connectAll opens every connection of f and fails when one could not be.
func connectAll(ctx context.Context, f *load.Fleet, n int) error {
	if err := f.Connect(ctx); err != nil {
		return err
	}
	if s := f.Stats(); s.Connected != n {
		return fmt.Errorf("%d of %d clients got a CONNACK: %v", s.Connected, n, s.Causes)
	}
	return nil
}

// drain waits for what is in flight, and fails when connections were lost.
func drain(ctx context.Context, f *load.Fleet) error {
	s := f.Stats()
	if err := f.Run(ctx, func() bool { return f.Inflight() == 0 }); err != nil {
		return err
	}
	if s.Lost > 0 {
		return fmt.Errorf("%d connections were lost: %v", s.Lost, s.Causes)
	}
	return nil
}
