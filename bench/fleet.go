//go:build linux

package bench

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// Fleet is many clients on one epoll loop. It only works inside Run, and only one
// goroutine at a time may use it.
type Fleet struct {
	opt     Options
	poll    *poll
	began   time.Time // zero of the fleet's clock
	clients []client  // by slot
	unused  []int32   // slots to open, the next one last
	opened  int       // connections begun
	opening int       // connections without a CONNACK yet
	openAt  int64     // earliest time of the next connection

	pub      *Publishing // nil: no publishing
	sub      *Subscription
	inflight int   // unacknowledged messages of all clients
	sent     int   // messages sent since Publish
	due      fifo  // next message of each client, in an open loop
	pings    fifo  // next PINGREQ of each client
	pingGap  int64 // nanoseconds; 0: none

	in      []byte // buffer for every read
	out     []byte // buffer for every write
	payload []byte
	stats   Stats

	hosts      []string    // by target
	handshakes *handshakes // nil: no TLS
	plain      []byte      // buffer for decrypted bytes
	frames     []byte      // buffer for WebSocket frames
	sealed     []byte      // buffer for encrypted bytes
}

// Subscription is the subscription of every client, made after its CONNACK.
type Subscription struct {
	Filter string // %i, %c and %u as in Publishing
	QoS    byte
	Stamp  bool // payloads begin with the time they were due
}

// NewFleet checks o. It opens nothing yet.
func NewFleet(o Options) (*Fleet, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	p, err := newPoll()
	if err != nil {
		return nil, err
	}
	f := &Fleet{
		opt:     o,
		poll:    p,
		began:   time.Now(),
		in:      make([]byte, readSize),
		pingGap: int64(o.KeepAlive) * int64(time.Second) * 3 / 4,
		stats: Stats{
			Connect: newHistogram(), Ack: newHistogram(), Delivery: newHistogram(),
			Causes: make(map[string]uint64),
		},
	}
	if f.hosts = o.Hosts; f.hosts == nil {
		for _, target := range o.Targets {
			f.hosts = append(f.hosts, target.String())
		}
	}
	if o.TLS != nil {
		if f.handshakes, err = newHandshakes(p, &o, f.hosts); err != nil {
			return nil, errors.Join(err, p.close())
		}
	}
	f.opt.Clients = 0
	f.Grow(o.Clients)
	return f, nil
}

// Grow makes the fleet hold n clients from the next Run on. It never shrinks.
func (f *Fleet) Grow(n int) {
	var fresh []int32
	for slot := len(f.clients); slot < n; slot++ {
		f.clients = append(f.clients, client{fd: -1, slot: int32(slot)})
		fresh = append([]int32{int32(slot)}, fresh...)
	}
	f.unused = append(fresh, f.unused...)
	f.opt.Clients = max(n, f.opt.Clients)
}

// Subscribe makes every client that connects from now on subscribe.
func (f *Fleet) Subscribe(s Subscription) { f.sub = &s }

// Stats returns the counters. Read them only between runs or in Run's done.
func (f *Fleet) Stats() *Stats { return &f.stats }

// Inflight returns the number of unacknowledged messages.
func (f *Fleet) Inflight() int { return f.inflight }

// ResetLatencies discards the recorded latencies, for example after a warm-up.
func (f *Fleet) ResetLatencies() {
	for _, h := range []*hdrhistogram.Histogram{f.stats.Connect, f.stats.Ack, f.stats.Delivery} {
		h.Reset()
	}
}

// Run runs the fleet until done returns true or ctx is done. It calls done after every
// batch of events, and at least every 50 ms.
func (f *Fleet) Run(ctx context.Context, done func() bool) error {
	runtime.LockOSThread() // the timer slack belongs to the thread
	defer runtime.UnlockOSThread()
	// The default of 50 µs would be part of every latency in an open loop. If a sandbox
	// refuses this, latencies are only coarser.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1000, 0, 0, 0)
	for !done() {
		if err := ctx.Err(); err != nil {
			return err
		}
		events, err := f.poll.wait(f.step())
		if err != nil {
			return err
		}
		for _, ev := range events {
			if ev.Fd == wakeSlot {
				f.takeOver()
				continue
			}
			if c := &f.clients[ev.Fd]; c.fd >= 0 && c.generation == ev.Pad {
				f.handle(c, ev.Events)
			}
		}
		if f.handshakes != nil && f.opening > 0 {
			// On one core a woken handshake would wait until the runtime notices that this
			// thread is in a system call: a fifth of its time.
			runtime.Gosched()
		}
	}
	return nil
}

// RunFor runs the fleet for d.
func (f *Fleet) RunFor(ctx context.Context, d time.Duration) error {
	end := time.Now().Add(d)
	return f.Run(ctx, func() bool { return !time.Now().Before(end) })
}

// Connect runs the fleet until every client has its CONNACK or has failed.
func (f *Fleet) Connect(ctx context.Context) error {
	return f.Run(ctx, func() bool { return len(f.unused) == 0 && f.opening == 0 })
}

// Close resets every connection.
func (f *Fleet) Close() error {
	if f.poll == nil {
		return os.ErrClosed // another file may have its descriptor by now
	}
	if f.handshakes != nil {
		f.abandon()
	}
	for i := range f.clients {
		f.drop(&f.clients[i])
	}
	p := f.poll
	f.poll = nil
	return p.close()
}

func (f *Fleet) now() int64 { return int64(time.Since(f.began)) }

// step does what is due and returns the time until more is due.
func (f *Fleet) step() time.Duration {
	now := f.now()
	next := now + int64(wakeInterval)
	next = min(next, f.open(now))
	next = min(next, f.ping(now))
	next = min(next, f.publishDue(now))
	return time.Duration(next - now)
}

// never is later than any due time.
const never = int64(1<<63 - 1)

// open begins the connections that are due and returns when the next one is.
func (f *Fleet) open(now int64) int64 {
	for len(f.unused) > 0 && f.opening < f.opt.Handshakes {
		if f.openAt > now {
			return f.openAt
		}
		if f.opt.ConnectRate > 0 {
			if f.openAt == 0 {
				f.openAt = now
			}
			f.openAt += int64(float64(time.Second) / f.opt.ConnectRate)
		}
		last := len(f.unused) - 1
		c := &f.clients[f.unused[last]]
		f.unused = f.unused[:last]
		f.dial(c, now)
	}
	return never // an event must come first
}

// ping sends the PINGREQs that are due and returns when the next one is.
func (f *Fleet) ping(now int64) int64 {
	for {
		t, ok := f.pings.peek()
		if !ok {
			return never
		}
		if t.due > now {
			return t.due
		}
		f.pings.pop()
		if c := f.current(t); c != nil {
			f.out = append(f.out[:0], typePingreq, 0)
			f.flush(c)
			t.due += f.pingGap
			f.pings.push(t)
		}
	}
}

// current returns the client that t was queued for, or nil if it is gone.
func (f *Fleet) current(t timed) *client {
	if c := &f.clients[t.slot]; c.fd >= 0 && c.generation == t.generation {
		return c
	}
	return nil
}

// pingAfter spreads the first PINGREQs of clients that connected in one burst, and keeps
// the queue sorted: none is due before the last one queued.
func (f *Fleet) pingAfter(now int64) int64 {
	due := now + f.pingGap/2 + rand.Int64N(f.pingGap/2+1)
	if f.pings.n > 0 {
		last := f.pings.items[(f.pings.first+f.pings.n-1)%len(f.pings.items)].due
		due = max(due, last)
	}
	return min(due, now+f.pingGap)
}
