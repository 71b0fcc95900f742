package proxytest

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

// LeftAfter returns a check that the goroutines and descriptors that the process opens from
// now on are gone, for which it waits. Of one of the tests that run abreast the check does
// nothing: RunAbreast or Main checks for all of them.
func LeftAfter(t *testing.T) (check func()) {
	t.Helper()
	if isAbreast() {
		return func() {}
	}
	before := countOpen()
	return func() {
		t.Helper()
		if err := before.wait(); err != nil {
			t.Fatal(err)
		}
	}
}

// open is how much the process has open.
type open struct{ goroutines, descriptors int }

func countOpen() open { return open{runtime.NumGoroutine(), must(descriptors())} }

// wait waits until the process has no more goroutines and descriptors than before. After 20 s it
// returns an error.
func (before open) wait() error {
	for deadline := time.Now().Add(20 * time.Second); ; {
		now := countOpen()
		if now.goroutines <= before.goroutines && now.descriptors <= before.descriptors {
			return nil
		}
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			return fmt.Errorf("%d goroutines and %d descriptors are left of %d and %d\n%s",
				now.goroutines, now.descriptors, before.goroutines, before.descriptors, buf[:runtime.Stack(buf, true)])
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // between two looks, not a guess at how long it takes
	}
}

// OpenDescriptors counts the process's descriptors.
func OpenDescriptors(t *testing.T) int {
	t.Helper()
	n, err := descriptors()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func descriptors() (int, error) {
	if err := openGosEpoll(); err != nil {
		return 0, err
	}
	entries, err := os.ReadDir("/dev/fd")
	return len(entries), err
}

// openGosEpoll has Go open its own epoll, which stays open, so that no test is the first to need it.
var openGosEpoll = sync.OnceValue(func() error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	return ln.Close()
})
