//go:build linux

package compare

import (
	"context"
	"fmt"
	"time"
)

// settleTimeout is how long a candidate may take to close what its clients have left.
const settleTimeout = 10 * time.Second

// descriptors returns what the candidate holds now; 0 for none.
func (r *running) descriptors() (int, error) {
	if r.process == nil {
		return 0, nil
	}
	return r.process.descriptors()
}

// settle waits until the candidate holds at most idle descriptors, or with idle 0 until
// the number stays the same: everything that its clients left is closed.
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
