package proxy

import "time"

// LoopStats tells how busy an event loop is.
type LoopStats struct {
	Turns    uint64
	TurnTime Histogram // of each turn, without its wait for events
	Lag      Histogram // how late the loop comes to an event: measured once a second
}

// loopTimes are the measurements of one loop.
type loopTimes struct {
	turns    uint64
	turnTime histogram
	lag      histogram
}

func (t *loopTimes) stats() (s LoopStats) {
	s.Turns = t.turns
	t.turnTime.addTo(&s.TurnTime, TurnBounds)
	t.lag.addTo(&s.Lag, TurnBounds)
	return s
}

// Turned counts a turn and its length.
func (l *loop) Turned(length time.Duration) {
	l.times.turns++
	l.times.turnTime.observe(&turnTimes, length)
}

// lagInterval is the time between two measurements of a loop's lag.
const lagInterval = time.Second

// measureLag sends each loop an event every lagInterval, and has the loop measure how late it comes to
// it: after the rest of its turn, the events before this one, and the time that its thread or its
// container had to wait for a processor. It returns when ended is closed.
func (e *engine) measureLag(ended <-chan struct{}) {
	next := time.NewTicker(lagInterval)
	defer next.Stop()
	for {
		select {
		case <-ended:
			return
		case <-next.C:
		}
		for _, l := range e.loops {
			l.measureLag()
		}
	}
}

// measureLag may be called in any goroutine.
func (l *loop) measureLag() {
	sent := time.Now()
	l.Do(func() { l.times.lag.observe(&turnTimes, time.Since(sent)) })
}
