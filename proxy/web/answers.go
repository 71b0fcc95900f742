package web

import "sync/atomic"

// Answers counts the requests that were answered here, for want of a node that could, by HTTP status code. The zero value
// is ready, and may be used from several goroutines at once.
type Answers struct{ counts [600]atomic.Uint64 }

// Add counts one answer.
func (a *Answers) Add(status int) { a.counts[status].Add(1) }

// ByStatus returns the statuses that were answered, and how often.
func (a *Answers) ByStatus() map[int]uint64 {
	byStatus := map[int]uint64{}
	for status := range a.counts {
		if n := a.counts[status].Load(); n > 0 {
			byStatus[status] = n
		}
	}
	return byStatus
}
