package proxy

import (
	"context"
	"fmt"
)

// Ping returns nil once every loop has answered in a turn of its own. A loop that has ended needs not
// answer. If ctx is done before, the error names a loop that is stuck or does not run yet. Ping may be
// called from any goroutine, and waits for no other caller.
func (srv *Server) Ping(ctx context.Context) error {
	loops := srv.engine.loops
	answers := make(chan int, len(loops))
	for i, l := range loops {
		if !l.Do(func() { answers <- i }) {
			answers <- i
		}
	}
	answered := make([]bool, len(loops))
	for range loops {
		select {
		case i := <-answers:
			answered[i] = true
		case <-ctx.Done():
			for i := range answered {
				if !answered[i] {
					return fmt.Errorf("event loop %d of %d has not answered: %w", i+1, len(loops), ctx.Err())
				}
			}
		}
	}
	return nil
}

// OpenConnections returns the number of clients' connections that were accepted and have not ended. It
// asks no loop.
func (srv *Server) OpenConnections() int64 { return srv.open() }
