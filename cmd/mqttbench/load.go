//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"mqttlb/bench"
)

// runConn opens connections and holds them.
func runConn(ctx context.Context, args []string) error {
	l := newLoadFlags("conn")
	churn := l.fs.Bool("churn", false, "reset each connection at its CONNACK and open another; -c at a time")
	o, err := l.options(ctx, args)
	if err != nil {
		return err
	}
	if o.Churn = *churn; o.Churn {
		o.Handshakes = o.Clients
	}
	f, err := bench.NewFleet(o)
	if err != nil {
		return usageError{err}
	}
	return l.runFleet(ctx, f, func() bool { return false })
}

// runPub opens connections and publishes on each.
func runPub(ctx context.Context, args []string) error {
	l := newLoadFlags("pub")
	var p bench.Publishing
	var qos int
	var interval float64
	var headers string
	fs := l.fs
	addBoth(fs.StringVar, &p.Topic, "t", "topic", "", "`topic`; %i is the client's number, %c its identifier, %u its user name")
	addBoth(fs.IntVar, &qos, "q", "qos", 0, "`QoS`")
	addBoth(fs.BoolVar, &p.Retain, "r", "retain", false, "retain")
	addBoth(fs.IntVar, &p.Size, "s", "size", 256, "payload, `bytes`")
	addBoth(fs.Float64Var, &interval, "I", "interval_of_msg", 1000,
		"`milliseconds` between two messages of a client; 0: as soon as the last one is acknowledged")
	addBoth(fs.IntVar, &p.Inflight, "F", "inflight", 1, "unacknowledged `messages` of a client at most")
	addBoth(fs.IntVar, &p.Limit, "L", "limit", 0, "stop after this many `messages` of all clients; 0: no limit")
	fs.StringVar(&headers, "payload-hdrs", "", "ts: the payload begins with the time it was due, for sub's latency")
	o, err := l.options(ctx, args)
	if err != nil {
		return err
	}
	if qos < 0 || qos > 2 {
		return usageError{fmt.Errorf("-q %d: 0, 1 and 2 exist", qos)}
	}
	p.QoS = byte(qos)
	p.Interval = time.Duration(interval * float64(time.Millisecond))
	if p.Stamp, err = stamped(headers); err != nil {
		return err
	}
	f, err := bench.NewFleet(o)
	if err != nil {
		return usageError{err}
	}
	if err := f.Publish(p); err != nil {
		return usageError{errors.Join(err, f.Close())}
	}
	s := f.Stats()
	return l.runFleet(ctx, f, func() bool {
		return p.Limit > 0 && s.Published >= uint64(p.Limit) && f.Inflight() == 0
	})
}

// runSub opens connections and subscribes on each.
func runSub(ctx context.Context, args []string) error {
	l := newLoadFlags("sub")
	var sub bench.Subscription
	var qos int
	var headers string
	addBoth(l.fs.StringVar, &sub.Filter, "t", "topic", "", "topic `filter`; %i is the client's number, %c its identifier, %u its user name")
	addBoth(l.fs.IntVar, &qos, "q", "qos", 0, "`QoS`")
	l.fs.StringVar(&headers, "payload-hdrs", "", "ts: payloads begin with the time they were due (pub --payload-hdrs ts)")
	o, err := l.options(ctx, args)
	if err != nil {
		return err
	}
	switch {
	case sub.Filter == "":
		return usageError{errors.New("-t: a topic filter is needed")}
	case qos < 0 || qos > 2:
		return usageError{fmt.Errorf("-q %d: 0, 1 and 2 exist", qos)}
	}
	sub.QoS = byte(qos)
	if sub.Stamp, err = stamped(headers); err != nil {
		return err
	}
	f, err := bench.NewFleet(o)
	if err != nil {
		return usageError{err}
	}
	f.Subscribe(sub)
	return l.runFleet(ctx, f, func() bool { return false })
}

func stamped(headers string) (bool, error) {
	switch headers {
	case "":
		return false, nil
	case "ts":
		return true, nil
	}
	return false, usageError{fmt.Errorf("--payload-hdrs %q: only ts is known", headers)}
}

// runFleet runs the fleet until done, the end of the duration or Ctrl-C, with a line of rates
// every second, and prints the result. It returns an error if a connection failed.
func (l *loadFlags) runFleet(ctx context.Context, f *bench.Fleet, done func() bool) error {
	defer f.Close()
	if l.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.duration)
		defer cancel()
	}
	var progress io.Writer = os.Stdout
	if l.json {
		progress = os.Stderr
	}
	began := time.Now()
	r := newRates(progress, f.Stats())
	s := f.Stats()
	err := f.Run(ctx, func() bool {
		r.tick(time.Since(began))
		nobody := s.Open == 0 && s.Failed+s.Refused+s.Lost > 0 && s.Settled() >= l.opt.Clients
		return nobody || done()
	})
	// The end of the duration and Ctrl-C are the normal end of a run.
	if err != nil && ctx.Err() == nil {
		return err
	}
	if err := result(s, time.Since(began)).write(os.Stdout, l.json); err != nil {
		return err
	}
	if bad := s.Failed + s.Refused + s.Lost; bad > 0 {
		return fmt.Errorf("%d connections failed, were refused or lost", bad)
	}
	return nil
}
