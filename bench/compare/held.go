//go:build linux

package compare

import (
	"context"
	"fmt"
	"time"

	load "mqttlb/bench"
)

// turn is one candidate's turn at a measure, over connections that stay open between
// turns. It returns a sample for each row.
type turn func(ctx context.Context, b *bench, m measure, r *running, f *load.Fleet) ([]sample, error)

// held makes a measure over open connections: all candidates keep theirs open throughout,
// and one at a time gets load.
func held(turn turn) func(context.Context, *bench, measure) ([]Measure, error) {
	return func(ctx context.Context, b *bench, m measure) ([]Measure, error) {
		all, stop, err := b.launchAll(ctx, m)
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
			f, err := load.NewFleet(clients(r, m.work.clients))
			if err != nil {
				return nil, err
			}
			fleets[r] = f
			if err := connectAll(ctx, f, m.work.clients); err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
		}
		return b.inTurns(m, b.opt.Pairs, all, func(r *running) ([]sample, error) {
			return turn(ctx, b, m, r, fleets[r])
		})
	}
}

// roundTrip measures a closed loop: a client publishes when its last message, or one of
// its last few, is acknowledged.
func roundTrip(ctx context.Context, b *bench, m measure, r *running, f *load.Fleet) ([]sample, error) {
	p := load.Publishing{Topic: "bench/%i", QoS: 1, Size: m.work.payload, Inflight: m.work.inflight}
	if err := f.Publish(p); err != nil {
		return nil, err
	}
	if err := f.RunFor(ctx, b.opt.Turn/10); err != nil {
		return nil, err
	}
	s, err := b.acknowledged(ctx, r, f)
	if err != nil {
		return nil, err
	}
	f.Pause()
	return []sample{s}, drain(ctx, f)
}

// acknowledged runs the load for one turn; the unit of its sample is an acknowledged
// message.
func (b *bench) acknowledged(ctx context.Context, r *running, f *load.Fleet) (sample, error) {
	w, err := b.openWindow(r)
	if err != nil {
		return sample{}, err
	}
	before := f.Stats().Acked
	if err := untilSome(ctx, f, b.opt.Turn, func() bool { return f.Stats().Acked > before }); err != nil {
		return sample{}, err
	}
	return w.close(b, f.Stats().Acked-before)
}

// untilSome runs for a turn, or longer until some returns true: on a busy machine a short
// turn may carry no message.
func untilSome(ctx context.Context, f *load.Fleet, turn time.Duration, some func() bool) error {
	end := time.Now().Add(turn)
	latest := end.Add(startTimeout)
	return f.Run(ctx, func() bool {
		now := time.Now()
		return now.After(end) && (some() || now.After(latest))
	})
}

// connectAll opens all connections of f and returns an error if one failed.
func connectAll(ctx context.Context, f *load.Fleet, n int) error {
	if err := f.Connect(ctx); err != nil {
		return err
	}
	if s := f.Stats(); s.Connected != n {
		return fmt.Errorf("%d of %d clients got a CONNACK: %v", s.Connected, n, s.Causes)
	}
	return nil
}

// drain waits for unacknowledged messages, and returns an error if connections were lost.
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
