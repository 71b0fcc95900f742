package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mqttlb/balancer"
	"mqttlb/balancer/nodeset"
	"mqttlb/config"
	"mqttlb/proxy"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
)

// errorLines is a log that passes its lines on.
type errorLines chan string

func (w errorLines) Write(line []byte) (int, error) {
	w <- string(line)
	return len(line), nil
}

// The service manager restarts a process that does not feed its watchdog.
func TestTheWatchdogIsNotFedWhileALoopIsStuck(t *testing.T) {
	b, err := balancer.NewPool(balancer.PoolSpec{Name: "pool", Nodes: []balancer.NodeSpec{{Name: "refuses", Address: "127.0.0.1:1"}}})
	if err != nil {
		t.Fatal(err)
	}
	stuck, release := make(chan struct{}), make(chan struct{})
	hold := sync.OnceFunc(func() { close(stuck); <-release })
	pool := &snapshot.Pool{Pool: b, DialFailed: func(*balancer.Node) { hold() }} // a loop calls it
	srv, err := proxy.New(&snapshot.Snapshot{
		Listeners:      []*snapshot.Listener{{Name: "tcp", Network: "tcp", Address: "127.0.0.1:0", Protocol: snapshot.TCP, Pool: pool}},
		MaxConnections: 10,
	}, slog.New(slog.DiscardHandler))
	if errors.Is(err, reactor.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	m := newManager(&revision{config: &config.Config{}, plan: &plan{sets: nodeset.New(nil, nil)}}, nil, newLogger(io.Discard, false))
	errs, food := make(errorLines), make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	w := &watchdog{
		interval: 3 * time.Second,
		working:  (&liveness{ping: srv.Ping, manager: m, managed: time.Now()}).working,
		feed: func() {
			select {
			case food <- struct{}{}:
			case <-ctx.Done():
			}
		},
		log: slog.New(slog.NewTextHandler(errs, nil)),
	}
	var running sync.WaitGroup
	running.Go(func() { srv.Run(ctx) })
	running.Go(func() { m.run(ctx, ctx) })
	running.Go(func() { w.run(ctx) })
	defer running.Wait()
	defer stop()
	fed := func(when string) {
		t.Helper()
		for deadline := time.After(time.Minute); ; {
			select {
			case <-food:
				return
			case <-errs: // on a busy machine
			case <-deadline:
				t.Fatalf("%s: it is not fed", when)
			}
		}
	}
	fed("while the loops turn")

	c, err := net.Dial("tcp", srv.Addr("tcp").String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	<-stuck
	deadline := time.After(time.Minute)
	for failed := 0; failed < 3; {
		select {
		case <-deadline:
			close(release)
			t.Fatal("it is fed while a loop is stuck")
		case <-errs:
			failed++
		case <-food:
			if failed > 0 {
				t.Error("it is fed while a loop is stuck")
			}
		}
	}
	close(release)
	fed("after the loop was stuck")
}

// A reload may wait for slow files and DNS. A manager that does not come back is stuck.
func TestTheWatchdogWaitsForTheManagerOnlySoLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newLogger(io.Discard, false)
		defer log.close()
		m := newManager(&revision{config: &config.Config{}, plan: &plan{sets: nodeset.New(nil, nil)}}, nil, log)
		var fed atomic.Int64
		w := &watchdog{
			interval: 30 * time.Second,
			working:  (&liveness{ping: func(context.Context) error { return nil }, manager: m, managed: time.Now()}).working,
			feed:     func() { fed.Add(1) },
			log:      slog.New(slog.DiscardHandler),
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { m.run(ctx, ctx) })
		running.Go(func() { w.run(ctx) })
		feeds := func(over time.Duration) int64 {
			synctest.Wait()
			before := fed.Load()
			<-time.After(over)
			synctest.Wait()
			return fed.Load() - before
		}
		if n := feeds(time.Minute); n < 6 {
			t.Errorf("fed %d times in a minute, every 10 s is due", n)
		}
		busy := make(chan struct{})
		running.Go(func() { _ = m.do(ctx, func(context.Context) { <-busy }) })
		if n := feeds(90 * time.Second); n < 8 {
			t.Errorf("fed %d times in the first 90 s of a reload", n)
		}
		_ = feeds(time.Minute)
		if n := feeds(time.Hour); n != 0 {
			t.Errorf("fed %d times in an hour in which the manager was stuck", n)
		}
		close(busy)
		if n := feeds(time.Minute); n < 5 {
			t.Errorf("fed %d times in a minute after the manager was stuck", n)
		}
		stop()
		running.Wait()
	})
}
