package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/activation"

	"mqttlb/proxy/admin/api"
)

// stateInterval is how often the service manager is told the state, if it has changed.
const stateInterval = 5 * time.Second

// maxInherited limits LISTEN_FDS, which costs memory for each descriptor. A process has a descriptor for
// each of its listeners.
const maxInherited = 4096

// inheritedFiles returns the sockets that the service manager has passed to this process.
func inheritedFiles() ([]*os.File, error) {
	n := os.Getenv("LISTEN_FDS")
	ours := os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid())
	if count, err := strconv.Atoi(n); ours && (err != nil || count < 0 || count > maxInherited) {
		return nil, fmt.Errorf("LISTEN_FDS: %.40q is not a number of sockets from 0 to %d", n, maxInherited)
	}
	return activation.Files(true), nil
}

// tellServiceManager tells the service manager the state of the server until ctx is done. The
// server stops when serving is done.
func (s *server) tellServiceManager(ctx, serving context.Context) {
	if s.notify == nil || s.Ping(ctx) != nil {
		return
	}
	if serving.Err() == nil {
		s.notify.ready() // the loops run, and the admin endpoints were started before them
	}
	tick := time.NewTicker(stateInterval)
	defer tick.Stop()
	stopping := serving.Done()
	for {
		select {
		case <-stopping:
			stopping = nil
			s.notify.stopping()
		case <-tick.C:
			if s.pingFor(ctx, stateInterval) == nil { // a stuck process gets no more time
				s.notify.refresh()
			}
		case <-ctx.Done():
			return
		}
	}
}

// startWatchdog feeds the watchdog of the service manager, if there is one, until ctx is done.
func (s *server) startWatchdog(ctx context.Context, running *sync.WaitGroup) {
	interval := watchdogInterval(s.log)
	if s.notify == nil || interval == 0 {
		return
	}
	alive := &liveness{ping: s.Ping, manager: s.manager, managed: time.Now()}
	w := &watchdog{interval: interval, working: alive.working, feed: s.notify.feedWatchdog, log: s.log}
	running.Go(func() { w.run(ctx) })
}

// pingFor is Ping with a time limit.
func (s *server) pingFor(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return s.Ping(ctx)
}

// describe describes the server in one line. It asks no loop.
func (s *server) describe() string {
	p := s.plan.Load()
	sessions := count(int(s.OpenConnections()), "session")
	if s.state.load() != api.Serving {
		return fmt.Sprintf("stopping: %s left", sessions)
	}
	up, nodes := 0, 0
	for _, pool := range p.pools {
		up, nodes = up+pool.Up(), nodes+len(pool.Nodes())
	}
	state := fmt.Sprintf("serving: %s, %s, %d of %s up", count(len(p.snapshot.Listeners), "listener"), sessions, up, count(nodes, "node"))
	if m := s.manager; m != nil && m.reloads.Load().Failed {
		state += "; the configuration read last was refused, an earlier one is in force"
	}
	return state
}
