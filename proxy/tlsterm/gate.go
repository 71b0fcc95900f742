package tlsterm

import (
	"container/list"
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"mqttlb/proxy/rate"
)

// ErrBusy is the error of Gate.Enter when the queue is full.
var ErrBusy = errors.New("too many TLS handshakes wait already: see tls.max_handshake_queue")

// Gate limits how many handshakes run at once and how many begin a second, in order of arrival. Further handshakes wait
// in a bounded queue. It is better that a device waits a second for its handshake than that ten thousand devices all
// time out and start again, while the processor is busy with handshakes that nobody completes.
//
//	session, err := gate.Accept(ctx, hello, open, config) // ErrBusy, ctx's error, open's, or a *HandshakeError
//
// A handshake with a client holds its place only while it computes. It gives the place up while it waits for its client,
// so that stalled clients hold up nobody. After the client's answer it gets a place before any new handshake, so that
// handshakes already begun finish first. A handshake with a node holds its place from [Gate.Enter] to [Gate.Leave].
type Gate struct {
	made time.Time // zero of the gate's clock

	mu        sync.Mutex // guards the fields below
	atOnce    int        // 0: no limit
	pace      rate.Pace
	perSecond int // of pace
	queue     int
	taken     int       // places in use
	returning list.List // of *waiter: handshakes whose clients have answered; they go before waiters
	waiters   list.List // of *waiter, first come first served
	next      int64     // of pace, in ns of the gate's clock
	timer     *time.Timer
	counts    GateCounts
	agreed    map[agreed]uint64 // successful handshakes; GateCounts.Agreed with other keys
}

type waiter struct{ admitted chan struct{} }

// GateCounts are the gauges Running and Waiting, and counters since the gate was made. Every Enter is counted in
// exactly one field, apart from Resumed.
type GateCounts struct {
	Running int64 // handshakes that have begun, including those that wait for their clients
	Waiting int64 // handshakes that have not begun

	Refused   uint64 // because the queue was full
	Abandoned uint64 // the caller gave up in the queue
	Done      uint64 // successful handshakes, including Resumed
	Resumed   uint64
	Failed    uint64 // failed handshakes
	Expired   uint64 // successful handshakes with a client's certificate that had expired

	Reasons map[Reason]uint64 // the failed handshakes of clients by their reason

	Agreed map[Agreed]uint64 // the successful handshakes by what they agreed on
}

// NewGate returns a gate for atOnce handshakes that compute at the same time and perSecond that begin in a second; after a pause,
// a tenth of a second's handshakes may begin at once. queue is how many more may wait. 0 for atOnce or perSecond means no limit;
// 0 for queue refuses every handshake that cannot begin at once.
func NewGate(atOnce, perSecond, queue int) *Gate {
	g := &Gate{made: time.Now()}
	g.SetLimits(atOnce, perSecond, queue)
	return g
}

// now returns the time of the gate's clock, in ns.
func (g *Gate) now() int64 { return int64(time.Since(g.made)) }

// SetLimits replaces the limits of NewGate. It lets handshakes begin at once where the new limits allow them.
// Handshakes beyond a smaller limit continue to run or wait.
func (g *Gate) SetLimits(atOnce, perSecond, queue int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	pace := rate.NewPace(perSecond, burst)
	if perSecond > g.perSecond {
		g.next = min(g.next, pace.Spent(g.now())) // the scheduled time was that of a lower rate
	}
	g.atOnce, g.pace, g.perSecond, g.queue = atOnce, pace, perSecond, queue
	if g.timer != nil && g.timer.Stop() { // otherwise tick is about to run
		g.timer = nil
	}
	g.admitLocked()
}

// Enter waits for a place. It returns nil, ErrBusy, or the error of ctx. After nil the caller must
// call Leave.
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
	case <-w.Value.(*waiter).admitted: // both at once: the caller has the place and will notice ctx soon
		return nil
	default:
	}
	g.waiters.Remove(w)
	g.counts.Abandoned++
	g.admitLocked() // the caller may have been the first in the queue, for which the timer runs
	return ctx.Err()
}

// enqueue admits the caller and returns nil and nil, puts it into the queue, or refuses
// it.
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
	g.admitLocked() // starts the timer if only the rate holds the caller back
	return w, nil
}

// Leave gives the place of Enter back. Its arguments are the results of Accept.
func (g *Gate) Leave(s *Session, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.counts.Running--
	g.taken--
	if err != nil {
		g.counts.Failed++
		if failed := (*HandshakeError)(nil); errors.As(err, &failed) {
			if g.counts.Reasons == nil {
				g.counts.Reasons = map[Reason]uint64{}
			}
			g.counts.Reasons[failed.Reason]++
		}
	} else {
		g.counts.Done++
		g.noteLocked(s)
	}
	g.admitLocked()
}

// noteLocked counts what a successful handshake has agreed on.
func (g *Gate) noteLocked(s *Session) {
	if s == nil {
		return
	}
	if s.resumed {
		g.counts.Resumed++
	}
	if s.ClientExpired() {
		g.counts.Expired++
	}
	if g.agreed == nil {
		g.agreed = map[agreed]uint64{}
	}
	g.agreed[s.agreed]++
}

// pause gives up the place of a running handshake while it waits for its client.
func (g *Gate) pause() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.taken--
	g.admitLocked()
}

// resume takes a place again after pause. If ctx is done before a place is free, it takes one beyond the limit, because
// a handshake that is out of time only has to end.
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

// Counts returns the gate's gauges and counters.
func (g *Gate) Counts() GateCounts {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.counts
	c.Reasons = maps.Clone(c.Reasons)
	c.Waiting = int64(g.waiters.Len())
	if len(g.agreed) > 0 {
		c.Agreed = make(map[Agreed]uint64, len(g.agreed))
	}
	for a, n := range g.agreed {
		c.Agreed[a.named()] += n
	}
	return c
}

// admitLocked admits waiters as far as the limits allow. If only the rate holds the first one back, it
// sets the timer.
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

// tick runs when the rate allows one more handshake.
func (g *Gate) tick() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.timer = nil
	g.admitLocked()
}

func (g *Gate) fullLocked() bool { return g.atOnce > 0 && g.taken >= g.atOnce }

// takeLocked takes a place if one is free.
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
