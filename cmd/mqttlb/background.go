package main

import (
	"context"
	"slices"
	"sync"
)

// worker keeps something up to date until its context is done: health checks, look-ups, the files of TLS. It is a pointer.
type worker interface{ Run(ctx context.Context) }

// background runs the workers of the plan in force.
type background struct {
	running map[worker]context.CancelFunc
	wait    sync.WaitGroup
}

// setWorkers starts the workers that do not run yet, and ends those that are not among them. They outlive ctx.
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
			b.wait.Go(func() { w.Run(own) }) // ends with a plan that does not have it, or at end
		}
	}
}

// stop ends them all and waits for them.
func (b *background) stop() {
	for _, end := range b.running {
		end()
	}
	b.wait.Wait()
}
