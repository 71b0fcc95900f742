package reactor

import (
	"testing"
	"time"
)

func TestTheLengthOfATurnIsThatOfItsWork(t *testing.T) {
	h := newEcho(t)
	const work, wait = 20 * time.Millisecond, 700 * time.Millisecond
	h.Do(func() { time.Sleep(work) }) //nolint:forbidigo // this is the work
	h.Turn()
	h.Timers.Set(0, h.In(wait))
	h.Turn()
	if len(h.turns) != 2 || h.turns[0] < work || h.turns[1] > wait-wait/7 {
		t.Errorf("turns of %v: the first works for %v, the second waits for %v", h.turns, work, wait)
	}
}
