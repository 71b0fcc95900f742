//go:build linux

package compare

import (
	"context"
	"fmt"
	"time"

	load "mqttlb/bench"
)

// steps are the numbers of connections at which memory is read. The slope over them
// excludes what a program needs for itself. It also excludes memory that the first
// connections allocate and later ones reuse, such as handshake buffers; the growth since
// the start includes it and is the upper bound.
var steps = []int{1000, 3000, 6000, 9000}

// memoryPairs is enough: memory differs by a few per cent between turns.
const memoryPairs = 5

// idleMemory starts each candidate anew for every turn: memory freed in the first turn
// would hide the need of the second.
func idleMemory(ctx context.Context, b *bench, m measure) ([]Measure, error) {
	var all []*running
	for _, c := range b.candidatesFor(m.work) {
		if c.path != "" { // direct has no memory of its own
			all = append(all, &running{candidate: c})
		}
	}
	return b.inTurns(m, min(b.opt.Pairs, memoryPairs), all, func(r *running) ([]sample, error) {
		fresh, err := b.launch(ctx, r.candidate, m.work)
		if err != nil {
			return nil, err
		}
		defer fresh.stop()
		return slopes(ctx, fresh)
	})
}

// slopes fits user memory, the machine's slab and descriptors over the connections of r.
// The second sample is the growth of user memory since the start, for each of the most
// connections. A measure may have rows for only the first of the samples.
func slopes(ctx context.Context, r *running) ([]sample, error) {
	f, err := load.NewFleet(clients(r, steps[0]))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	before, err := r.process.userMemory()
	if err != nil {
		return nil, err
	}
	var grown float64
	var user, slab, descriptors line
	for _, n := range steps {
		f.Grow(n)
		if err := connectAll(ctx, f, n); err != nil {
			return nil, err
		}
		if err := burst(ctx, f, n); err != nil {
			return nil, err
		}
		bytes, err := r.process.userMemory()
		if err != nil {
			return nil, err
		}
		kernel, err := machineSlab()
		if err != nil {
			return nil, err
		}
		open, err := r.process.descriptors()
		if err != nil {
			return nil, err
		}
		grown = float64(bytes-before) / float64(n)
		user.add(n, float64(bytes))
		slab.add(n, float64(kernel))
		descriptors.add(n, float64(open))
	}
	return []sample{{value: user.slope()}, {value: grown}, {value: slab.slope()}, {value: descriptors.slope()}}, nil
}

// burst sends some messages over every connection and then waits until it is quiet.
func burst(ctx context.Context, f *load.Fleet, n int) error {
	if err := f.Publish(load.Publishing{Topic: "bench/%i", QoS: 1, Size: 64, Limit: 5 * n}); err != nil {
		return err
	}
	s := f.Stats()
	want := s.Published + uint64(5*n-f.Inflight()) // Publish has sent the first round
	if err := f.Run(ctx, func() bool { return s.Published >= want || s.Lost > 0 }); err != nil {
		return err
	}
	f.Pause()
	if err := drain(ctx, f); err != nil {
		return fmt.Errorf("burst: %w", err)
	}
	return f.RunFor(ctx, 200*time.Millisecond)
}

// line fits memory over connections.
type line struct{ x, y []float64 }

func (l *line) add(x int, y float64) {
	l.x = append(l.x, float64(x))
	l.y = append(l.y, y)
}

// slope returns the slope by least squares.
func (l *line) slope() float64 {
	var sx, sy, sxx, sxy float64
	n := float64(len(l.x))
	for i, x := range l.x {
		sx, sy = sx+x, sy+l.y[i]
		sxx, sxy = sxx+x*x, sxy+x*l.y[i]
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}
