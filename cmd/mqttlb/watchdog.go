package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

const (
	// checksPerInterval is how often the watchdog is fed in the time that the service
	// manager sets. One check that fails by chance does not end the process.
	checksPerInterval = 3
	// managerPatience is how long the manager may work on one change. A reload waits for
	// slow files up to loadTimeout, and for DNS.
	managerPatience = 2 * time.Minute
)

// watchdog feeds the watchdog of the service manager while the process works. The
// service manager restarts a process that does not feed it for the interval.
type watchdog struct {
	interval time.Duration
	working  func(ctx context.Context) error // until ctx is done
	feed     func()
	log      *slog.Logger
}

// watchdogInterval is the interval in WATCHDOG_USEC, or 0 if there is no watchdog.
func watchdogInterval(log *slog.Logger) time.Duration {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the service manager's watchdog is not fed", "error", err)
	}
	return interval
}

// run feeds the watchdog until ctx is done.
func (w *watchdog) run(ctx context.Context) {
	every := w.interval / checksPerInterval
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := w.check(ctx, every/2); err == nil {
			w.feed()
		} else if ctx.Err() == nil {
			w.log.Error("the watchdog is not fed: the service manager restarts a process that stays so", "interval", w.interval, "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *watchdog) check(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return w.working(ctx)
}

// liveness finds out whether the process works.
type liveness struct {
	ping    func(ctx context.Context) error // of the event loops
	manager *manager
	managed time.Time // when the manager last answered
}

// working returns an error if an event loop does not answer before ctx is done, or if
// the manager has not answered for managerPatience.
func (l *liveness) working(ctx context.Context) error {
	if err := l.ping(ctx); err != nil {
		return err
	}
	err := l.manager.do(ctx, func(context.Context) {})
	if err == nil || errors.Is(err, errStopping) {
		l.managed = time.Now()
		return nil
	}
	if waited := time.Since(l.managed); waited > managerPatience {
		return fmt.Errorf("the manager has worked on one change for %v", waited.Round(time.Second))
	}
	return nil
}
