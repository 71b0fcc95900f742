//go:build linux

package compare

import (
	"context"
	"fmt"
	"time"
)

// settleTimeout is how long a candidate may take to close its clients' connections.
const settleTimeout = 10 * time.Second

// descriptors returns the candidate's number of descriptors; 0 if there is no process.
func (r *running) descriptors() (int, error) {
	if r.process == nil {
		return 0, nil
	}
	return r.process.descriptors()
}

// settle waits until the candidate has at most idle descriptors, or if idle is 0 until
// the number stays the same: then all connections of its clients are closed.
func (r *running) settle(ctx context.Context, idle int) error {
	if r.process == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	last := -1
	for {
		n, err := r.process.descriptors()
		if err != nil {
			return err
		}
		if idle > 0 && n <= idle || idle == 0 && n == last {
			return nil
		}
		last = n
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s holds %d descriptors, %d before: %w", r.name, n, idle, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
