package tlsterm

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"

	"mqttlb/proxy/rate"
)

// ErrBusy is what Gate.Enter returns at once when the queue is full.
var ErrBusy = errors.New("too many TLS handshakes wait already")

// Gate lets handshakes through: so many at once, so many a second, in the order in which they came. The rest waits in
// a bounded queue. A device that waits a second for its handshake is better off than ten thousand that all time out,
// start again and keep the processor busy with handshakes that nobody finishes.
//
//	session, err := gate.Accept(ctx, hello, open, config) // ErrBusy, ctx's error, open's, or a *HandshakeError
//
// Handshakes with clients hold their place only while they compute. One that waits for its client gives the place up:
// clients that stall in the middle hold up nobody. It needs a place again when the client has answered, and gets it
// before those that have not begun, so that what is half done is done first. Handshakes with nodes hold their place from
// [Gate.Enter] to [Gate.Leave].
type Gate struct {
	made time.Time // where its clock begins

	mu        sync.Mutex // guards the fields below
	atOnce    int        // 0: no limit
	pace      rate.Pace
	perSecond int // of the pace
	queue     int
	taken     int       // places
	returning list.List // of *waiter: handshakes whose clients have answered; before waiters
	waiters   list.List // of *waiter, the first came first
	next      int64     // of the pace, in ns of the gate's clock
	timer     *time.Timer
	counts    GateCounts
}

type waiter struct{ admitted chan struct{} }

// GateCounts are a gate's gauges, Running and Waiting, and what it has counted since it was made. Every Enter is in
// one of them.
type GateCounts struct {
	Running int64 // have begun and are not over, those that wait for their clients included
	Waiting int64 // have not begun

	Refused   uint64 // the queue was full
	Abandoned uint64 // gave up while they waited
	Done      uint64 // handshakes that succeeded, Resumed among them
	Resumed   uint64
	Failed    uint64 // handshakes that did not succeed
}

// NewGate makes a gate for atOnce handshakes that compute at a time and perSecond in a second, with a tenth of a second's at once
// after a pause, and a queue for so many more. 0 at once or per second is no limit; a queue of 0 refuses what cannot
// go through at once.
func NewGate(atOnce, perSecond, queue int) *Gate {
	g := &Gate{made: time.Now()}
	g.SetLimits(atOnce, perSecond, queue)
	return g
}

// now is the time of the gate's clock, in ns.
func (g *Gate) now() int64 { return int64(time.Since(g.made)) }

// SetLimits replaces the limits of NewGate. Handshakes that the new limits let through are let through at once. What is
// past a limit that has become smaller stays, those that run and those that wait.
func (g *Gate) SetLimits(atOnce, perSecond, queue int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	pace := rate.NewPace(perSecond, burst)
	if perSecond > g.perSecond {
		g.next = min(g.next, pace.Spent(g.now())) // the wait for the next was that of a lower rate
	}
	g.atOnce, g.pace, g.perSecond, g.queue = atOnce, pace, perSecond, queue
	if g.timer != nil && g.timer.Stop() { // otherwise tick is about to run
		g.timer = nil
	}
	g.admitLocked()
}

// Enter waits for its turn. It returns nil, after which Leave is owed; ErrBusy; or the error of ctx.
func (g *Gate) Enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w, err := g.enqueue()
	if w == nil {
		return err
	}
	select {
	case <-w.Value.(*waiter).admitted:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-w.Value.(*waiter).admitted: // both at once: it is in, and will see ctx soon enough
		return nil
	default:
	}
	g.waiters.Remove(w)
	g.counts.Abandoned++
	g.admitLocked() // it may have been the first, and the timer its
	return ctx.Err()
}

// enqueue lets the caller in, nil and nil; puts it into the queue; or refuses it.
func (g *Gate) enqueue() (*list.Element, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiters.Len() == 0 && g.takeLocked() {
		return nil, nil
	}
	if g.waiters.Len() >= g.queue {
		g.counts.Refused++
		return nil, ErrBusy
	}
	w := g.waiters.PushBack(&waiter{make(chan struct{})})
	g.admitLocked() // starts the timer when the rate is what it waits for
	return w, nil
}

// Leave ends what Enter began, with the results of Accept.
func (g *Gate) Leave(s *Session, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.counts.Running--
	g.taken--
	switch {
	case err != nil:
		g.counts.Failed++
	case s != nil && s.resumed:
		g.counts.Resumed++
		g.counts.Done++
	default:
		g.counts.Done++
	}
	g.admitLocked()
}

// pause gives the place of a running handshake up while it waits for its client.
func (g *Gate) pause() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.taken--
	g.admitLocked()
}

// resume takes a place again, after pause. It waits for one until ctx is done, and then takes one too many: a handshake
// whose time is over only has to end.
func (g *Gate) resume(ctx context.Context) {
	g.mu.Lock()
	if !g.fullLocked() || ctx.Err() != nil {
		g.taken++
		g.mu.Unlock()
		return
	}
	w := &waiter{make(chan struct{})}
	e := g.returning.PushBack(w)
	g.mu.Unlock()
	select {
	case <-w.admitted:
		return
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-w.admitted: // both at once
	default:
		g.returning.Remove(e)
		g.taken++
	}
}

// Counts returns the gate's numbers.
func (g *Gate) Counts() GateCounts {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.counts
	c.Waiting = int64(g.waiters.Len())
	return c
}

// admitLocked lets in whom the limits allow, and sets the timer when the rate alone holds the first back.
func (g *Gate) admitLocked() {
	for e := g.returning.Front(); e != nil && !g.fullLocked(); e = g.returning.Front() {
		g.returning.Remove(e)
		g.taken++
		close(e.Value.(*waiter).admitted)
	}
	for e := g.waiters.Front(); e != nil && g.takeLocked(); e = g.waiters.Front() {
		g.waiters.Remove(e)
		close(e.Value.(*waiter).admitted)
	}
	if g.waiters.Len() == 0 || g.fullLocked() || g.timer != nil {
		return
	}
	g.timer = time.AfterFunc(time.Duration(g.pace.Due(g.next)-g.now()), g.tick)
}

// tick runs when the rate allows one more.
func (g *Gate) tick() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.timer = nil
	g.admitLocked()
}

func (g *Gate) fullLocked() bool { return g.atOnce > 0 && g.taken >= g.atOnce }

// takeLocked takes a place at the gate if there is one.
func (g *Gate) takeLocked() bool {
	if g.fullLocked() {
		return false
	}
	next, ok := g.pace.Take(g.next, g.now())
	if !ok {
		return false
	}
	g.next = next
	g.taken++
	g.counts.Running++
	return true
}
