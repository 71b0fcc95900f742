package reactor

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestMailIsReadInOrder(t *testing.T) {
	h, _, stop := startEcho(t)
	const letters = 1000
	var got []int
	done := make(chan struct{})
	for i := range letters {
		h.Do(func() { got = append(got, i) })
	}
	h.Do(func() { close(done) })
	<-done
	for i, n := range got {
		if i != n {
			t.Fatalf("letter %d comes as number %d", n, i)
		}
	}
	if len(got) != letters {
		t.Errorf("%d letters, want %d", len(got), letters)
	}
	stop()
}

// A caller of Do at the end learns whether f was called.
func TestMailAfterTheStopIsRefusedAndNoneIsLost(t *testing.T) {
	h, _, stop := startEcho(t)
	var taken, read atomic.Int64
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() { // ends with the loop
			for h.Do(func() { read.Add(1) }) {
				taken.Add(1)
			}
		})
	}
	stop()
	writers.Wait()
	if taken.Load() != read.Load() {
		t.Errorf("%d letters were taken and %d read", taken.Load(), read.Load())
	}
	if h.Do(func() { t.Error("a letter is read after the end") }) {
		t.Error("a letter is taken after the end")
	}
}

// A function given to Do may call Do.
func TestMailFromMailIsRead(t *testing.T) {
	h, _, stop := startEcho(t)
	done := make(chan struct{})
	h.Do(func() { h.Do(func() { close(done) }) })
	<-done
	stop()
}
