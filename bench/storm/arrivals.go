//go:build linux

package storm

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// arrivals counts the connections that come to a node: those it has accepted, and those in
// the kernel's queue, which a count of CONNECTs would see too late to show a stampede.
// Connections that the kernel drops because the queue is full do not count.
type arrivals struct {
	accepted atomic.Int64

	mu      sync.Mutex // guards the fields below
	samples []sample
	queue   int64 // longest of the kernel's queue
	lost    int64 // connections in the queue of a listener when it was closed
	stop    chan struct{}
	done    chan struct{}
}

// sample is the number of arrivals until a time.
type sample struct {
	at    time.Time
	total int64
}

// sampleInterval is well below the shortest window of a peak.
const sampleInterval = 5 * time.Millisecond

// begin counts the arrivals of a listener until end.
func (a *arrivals) begin(l *net.TCPListener) {
	a.stop, a.done = make(chan struct{}), make(chan struct{})
	go a.watch(l, a.stop, a.done) // ends with stop, which end closes
}

// end must be called before the listener is closed.
func (a *arrivals) end() {
	close(a.stop)
	<-a.done
}

func (a *arrivals) watch(l *net.TCPListener, stop, done chan struct{}) {
	defer close(done)
	tick := time.NewTicker(sampleInterval)
	defer tick.Stop()
	for {
		queued := queueOf(l)
		a.mu.Lock()
		a.samples = append(a.samples, sample{time.Now(), a.accepted.Load() + a.lost + queued})
		a.queue = max(a.queue, queued)
		a.mu.Unlock()
		select {
		case <-tick.C:
		case <-stop:
			a.mu.Lock()
			a.lost += queued
			a.mu.Unlock()
			return
		}
	}
}

// reset forgets what was before.
func (a *arrivals) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.samples, a.queue = nil, 0
}

// longestQueue returns the largest number of connections that waited to be accepted.
func (a *arrivals) longestQueue() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.queue
}

// peak returns the largest number of arrivals within any window of that length.
func (a *arrivals) peak(window time.Duration) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return peak(a.samples, window)
}

func peak(samples []sample, window time.Duration) (most int64) {
	first := 0
	for _, s := range samples {
		for s.at.Sub(samples[first].at) > window {
			first++
		}
		most = max(most, s.total-samples[first].total)
	}
	return most
}

// queueOf returns the number of connections that wait to be accepted.
func queueOf(l *net.TCPListener) int64 {
	raw, err := l.SyscallConn()
	if err != nil {
		return 0
	}
	queued := int64(0)
	_ = raw.Control(func(fd uintptr) { // fails on a closed listener only, which has no queue
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			queued = int64(info.Unacked) // of a listener: the length of its queue
		}
	})
	return queued
}
