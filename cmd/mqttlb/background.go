package main

import (
	"context"
	"slices"
	"sync"
)

// worker keeps something up to date until its context is done: health checks, DNS look-ups, TLS files. The value is a
// pointer, so that it can be a map key.
type worker interface{ Run(ctx context.Context) }

// background runs the workers of the plan in force.
type background struct {
	running map[worker]context.CancelFunc
	wait    sync.WaitGroup
}

// setWorkers starts the workers that do not run yet, and stops those that are not in the list. Workers outlive ctx.
func (b *background) setWorkers(ctx context.Context, workers []worker) {
	if b.running == nil {
		b.running = map[worker]context.CancelFunc{}
	}
	for w, end := range b.running {
		if !slices.Contains(workers, w) {
			end()
			delete(b.running, w)
		}
	}
	for _, w := range workers {
		if b.running[w] == nil {
			own, end := context.WithCancel(context.WithoutCancel(ctx))
			b.running[w] = end
			b.wait.Go(func() { w.Run(own) }) // ends when setWorkers or stop cancels its context
		}
	}
}

// stop stops all workers and waits for them.
func (b *background) stop() {
	for _, end := range b.running {
		end()
	}
	b.wait.Wait()
}
