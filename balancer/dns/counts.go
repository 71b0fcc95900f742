package dns

import (
	"context"
	"errors"
	"sync/atomic"
)

// Counts are the look-ups of a Stub since the start, by result. Those of IP addresses and those that were canceled do not
// count.
type Counts struct{ Answered, Empty, Failed uint64 }

// counters are the Counts as they grow.
type counters struct{ answered, empty, failed atomic.Uint64 }

// Counts returns the look-ups so far.
func (s *Stub) Counts() Counts {
	return Counts{s.counters.answered.Load(), s.counters.empty.Load(), s.counters.failed.Load()}
}

// count counts a look-up that ended with err.
func (c *counters) count(ctx context.Context, err error) {
	switch {
	case err == nil:
		c.answered.Add(1)
	case errors.Is(err, ErrNoRecords):
		c.empty.Add(1)
	case !errors.Is(ctx.Err(), context.Canceled):
		c.failed.Add(1)
	}
}
