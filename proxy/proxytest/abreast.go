package proxytest

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// abreast: tests with servers of their own run at once, so that what is left of one server
// cannot be told from what another needs.
var abreast atomic.Bool

// RunAbreast runs tests that wait more than they work, all at once. What is left of all
// their servers is counted when the last test has ended: see LeftAfter.
func RunAbreast(t *testing.T, tests map[string]func(*testing.T)) {
	t.Helper()
	checkLeft := LeftAfter(t)
	before := abreast.Swap(true)
	var all sync.WaitGroup
	for name, test := range tests {
		all.Go(func() { t.Run(name, test) })
	}
	all.Wait()
	abreast.Store(before)
	checkLeft()
}

// LeftAfter returns a check that the goroutines and descriptors that the process opens from
// now on are gone, for which it waits. Of one of the tests that run abreast the check does
// nothing: RunAbreast checks for all of them.
func LeftAfter(t *testing.T) (check func()) {
	t.Helper()
	if abreast.Load() {
		return func() {}
	}
	goroutines, descriptors := runtime.NumGoroutine(), OpenDescriptors(t)
	return func() {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > goroutines || OpenDescriptors(t) > descriptors; {
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<16)
				t.Fatalf("%d goroutines and %d descriptors are left of %d and %d\n%s",
					runtime.NumGoroutine(), OpenDescriptors(t), goroutines, descriptors, buf[:runtime.Stack(buf, true)])
			}
			time.Sleep(time.Millisecond) //nolint:forbidigo // between two looks, not a guess at how long it takes
		}
	}
}

// OpenDescriptors counts the process's descriptors, but for Go's own epoll.
func OpenDescriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
