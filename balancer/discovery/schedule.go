package discovery

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// leastInterval is for resolvers without a least TTL of their own.
	leastInterval = time.Second

	// firstRetry and lastRetry limit the time from a look-up without a good answer to the next one. A resolver that
	// restarts is back in a few seconds. One that stays away is asked twice a minute, so that its return is noticed.
	firstRetry, lastRetry = 2 * time.Second, 30 * time.Second

	// idle is the longest sleep of Run. It is woken when there is something to do.
	idle = time.Hour
)

// retryAfter is the time from the look-up that was the n-th without a good answer to the next one.
func retryAfter(n int) time.Duration {
	wait := firstRetry
	for ; n > 1 && wait < lastRetry; n-- {
		wait *= 2
	}
	return min(wait, lastRetry)
}

// jittered makes a time up to a tenth longer, so that names, and replicas, do not ask all at once for ever. It is not
// shorter: before the end of a TTL a resolver answers from its cache.
func jittered(d time.Duration) time.Duration { return d + rand.N(d/10+1) }

// earlier returns the earlier of two times.
func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Run looks up each host when its TTL is over, and a host without an answer as soon as Apply
// adds it. It returns when ctx is done and every look-up has ended.
func (d *Discovery) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		next.Reset(d.lookUpDue(ctx, &running))
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		case <-d.changed:
		}
	}
}

// lookUpDue starts to look up the hosts that are due. It returns the time until the next one is.
func (d *Discovery) lookUpDue(ctx context.Context, running *sync.WaitGroup) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	wait := idle
	for _, h := range d.hosts {
		if h.lookingUp {
			continue
		}
		if until := h.due.Sub(now); until > 0 {
			wait = min(wait, until)
			continue
		}
		h.lookingUp = true
		// Ends with the look-up, after lookupTimeout at most.
		running.Go(func() { d.updateDue(ctx, h) })
	}
	return wait
}

// updateDue updates a host that was due.
func (d *Discovery) updateDue(ctx context.Context, h *host) {
	d.update(ctx, h)
	d.mu.Lock()
	if h.lookingUp = false; h.again {
		h.again, h.due = false, time.Time{}
	}
	d.mu.Unlock()
	d.wake()
}

// LookUpAgain makes all hosts due: other servers may have other answers.
func (d *Discovery) LookUpAgain() {
	d.mu.Lock()
	for _, h := range d.hosts {
		h.again, h.due = h.lookingUp, time.Time{}
	}
	d.mu.Unlock()
	d.wake()
}

// wake wakes Run.
func (d *Discovery) wake() {
	select {
	case d.changed <- struct{}{}:
	default: // it is woken already
	}
}
