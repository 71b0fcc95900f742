package proxy

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// abreast: several servers of tests are running, so that what is left of one cannot be
// told from what another needs.
var abreast atomic.Bool

// inModesAbreast runs a test that waits more than it works in all the modes at once. What is
// left of all their servers is counted when the last has ended.
func inModesAbreast(t *testing.T, modes []mode, test func(*testing.T, mode)) {
	t.Helper()
	checkLeft := leftAfter(t)
	abreast.Store(true)
	var all sync.WaitGroup
	for _, m := range modes {
		all.Go(func() { t.Run(m.name, func(t *testing.T) { test(t, m) }) })
	}
	all.Wait()
	abreast.Store(false)
	checkLeft()
}

// leftAfter returns a check that the goroutines and descriptors that are opened from now on
// are gone. It does nothing for one of several servers: the check of all does.
func leftAfter(t *testing.T) (check func()) {
	t.Helper()
	if abreast.Load() {
		return func() {}
	}
	goroutines, descriptors := runtime.NumGoroutine(), openDescriptors(t)
	return func() {
		t.Helper()
		// What the test itself opened is closed by its own clean-ups, earlier.
		eventually(t, "goroutines and descriptors of the server are gone", func() bool {
			return runtime.NumGoroutine() <= goroutines && openDescriptors(t) <= descriptors
		})
	}
}

// openDescriptors counts the process's descriptors, but for Go's own epoll.
func openDescriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
