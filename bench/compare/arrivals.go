//go:build linux

package compare

import (
	"context"
	"fmt"
	"time"

	load "mqttlb/bench"
)

// newConnections measures connect, PROXY header, CONNECT, CONNACK and the closing RST, a
// few connections at a time. With TLS it also measures a handshake, which resumes a session
// if the work says so. No TIME_WAIT remains at the client.
func newConnections(ctx context.Context, b *bench, m measure) ([]Measure, error) {
	all, stop, err := b.launchAll(ctx, m)
	if err != nil {
		return nil, err
	}
	defer stop()
	for _, r := range all {
		if err := b.warmUp(ctx, r, m.work); err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		if err := r.settle(ctx, 0); err != nil {
			return nil, err
		}
	}
	return b.inTurns(m, b.opt.Pairs, all, func(r *running) ([]sample, error) {
		idle, err := r.descriptors()
		if err != nil {
			return nil, err
		}
		w, err := b.openWindow(r)
		if err != nil {
			return nil, err
		}
		did, err := churn(ctx, r, m.work.clients, b.opt.Turn)
		if err != nil {
			return nil, err
		}
		if m.work.resume && 10*did.Resumed < 9*did.Connects {
			return nil, fmt.Errorf("%d of %d connections resumed a TLS session", did.Resumed, did.Connects)
		}
		if err := r.settle(ctx, idle); err != nil { // closing is part of the cost
			return nil, err
		}
		s, err := w.close(b, did.Connects)
		return []sample{s}, err
	})
}

// warmUp opens connections for a tenth of a turn. If the work resumes sessions, it
// continues until one connection has resumed, so that measured connections have a ticket.
func (b *bench) warmUp(ctx context.Context, r *running, w work) error {
	for end := time.Now().Add(startTimeout); ; {
		did, err := churn(ctx, r, w.clients, b.opt.Turn/10)
		switch {
		case err != nil:
			return err
		case !w.resume || did.Resumed > 0:
			return nil
		case time.Now().After(end):
			return fmt.Errorf("no connection has resumed a TLS session in %v", startTimeout)
		}
	}
}

// churn keeps size connections open for the given time and resets each at its CONNACK. A
// failed connection makes the comparison fail.
func churn(ctx context.Context, r *running, size int, length time.Duration) (*load.Stats, error) {
	o := clients(r, size)
	o.Churn = true
	f, err := load.NewFleet(o)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := untilSome(ctx, f, length, func() bool { return f.Stats().Connects > 0 }); err != nil {
		return nil, err
	}
	s := f.Stats()
	if s.Failed+s.Refused > 0 {
		return nil, fmt.Errorf("%d connections failed, %d were refused: %v", s.Failed, s.Refused, s.Causes)
	}
	return s, nil
}

// stormTimeout is how long the clients of a storm may wait for the last CONNACK.
const stormTimeout = time.Minute

// storm measures the time until many clients that connect at once all have their CONNACK.
// A failed connection makes the comparison fail.
func storm(ctx context.Context, b *bench, m measure) ([]Measure, error) {
	all, stop, err := b.launchAll(ctx, m)
	if err != nil {
		return nil, err
	}
	defer stop()
	broker := &running{candidate: &candidate{name: "broker"}, process: b.broker}
	return b.inTurns(m, b.opt.Pairs, all, func(r *running) ([]sample, error) {
		idle, err := r.descriptors()
		if err != nil {
			return nil, err
		}
		brokerIdle, err := broker.descriptors()
		if err != nil {
			return nil, err
		}
		took, err := reconnect(ctx, r, m.work.clients)
		if err != nil {
			return nil, err
		}
		// The next turn must begin after the end of this one. Of thousands of RSTs at once
		// the kernel drops some (net.core.netdev_max_backlog), and a RST is not sent again.
		lost := m.work.clients / 100
		if err := r.settle(ctx, idle+lost); err != nil {
			return nil, err
		}
		return []sample{{value: float64(took) / 1e6}}, broker.settle(ctx, brokerIdle+lost)
	})
}

// reconnect connects n clients at once and resets them after the last CONNACK.
func reconnect(ctx context.Context, r *running, n int) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, stormTimeout)
	defer cancel()
	o := clients(r, n)
	o.Handshakes = n
	f, err := load.NewFleet(o)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	began := time.Now()
	if err := connectAll(ctx, f, n); err != nil {
		return 0, err
	}
	return time.Since(began), nil
}
