package rate

import (
	"sync"
	"time"
)

// Line limits a log line for events that can come often, such as failed accepts. Any number of goroutines may
// share it.
type Line struct {
	// Every is the least time between two lines; 0 writes one for each event. Set before the first Take.
	Every time.Duration

	mu     sync.Mutex // guards the fields below
	last   time.Time
	events uint64 // since the last line
}

// Take counts an event and reports whether to write the line now, and for how many events it stands.
func (l *Line) Take(now time.Time) (events uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events++
	if now.Sub(l.last) < l.Every {
		return 0, false
	}
	events = l.events
	l.last, l.events = now, 0
	return events, true
}
