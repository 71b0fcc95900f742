package balancer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// pacedNode returns a node with a rate, alone in its pool.
func pacedNode(t *testing.T, perSecond int, q Queue, slowStart time.Duration) *Node {
	t.Helper()
	p, err := NewPool(PoolSpec{
		Name: "p", Queue: q, SlowStart: slowStart,
		Nodes: []NodeSpec{{Name: "a", Address: "127.0.0.1:1", ConnectRate: perSecond}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p.Nodes()[0]
}

const (
	ms = int64(time.Millisecond)
	// someTime is a time of now at which a process has run for a while.
	someTime = int64(time.Hour)
)

// plenty is a queue that has room for every session of a test.
var plenty = Queue{Size: 1_000_000, Time: time.Hour}

// most returns the largest number of times within any span of this length.
func most(times []int64, span int64) (most int) {
	slices.Sort(times)
	for first, last := 0, 0; last < len(times); last++ {
		for times[last]-times[first] >= span {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

func TestANodeTakesATenthOfASecondAtOnceAndAtLeastOneSession(t *testing.T) {
	for perSecond, want := range map[int]int{1: 1, 10: 1, 15: 1, 20: 2, 50: 5, 1000: 100} {
		n := pacedNode(t, perSecond, plenty, 0)
		for _, now := range []int64{someTime, 2 * someTime} { // it does not add up
			taken := 0
			for n.schedule.take(n, now) {
				taken++
			}
			if taken != want {
				t.Errorf("%d/s: %d at once, want %d", perSecond, taken, want)
			}
		}
	}
}

// Whoever comes when, waits and leaves: in no span the node gets more than its rate and the burst.
func TestNoSpanHasMoreSessionsThanTheRateAndTheBurst(t *testing.T) {
	const long = 20 * time.Second
	for range 10 {
		perSecond := 1 + rand.IntN(200)
		n := pacedNode(t, perSecond, Queue{Size: 1 + rand.IntN(300), Time: time.Duration(1+rand.IntN(20)) * time.Second}, 0)
		var went []int64
		var waiting []int64 // their times
		for now := someTime; now < someTime+int64(long); now += rand.Int64N(2 * int64(time.Second) / int64(3*perSecond)) {
			waiting = slices.DeleteFunc(waiting, func(at int64) bool {
				if at > now {
					return false
				}
				n.schedule.pass(0)
				went = append(went, at)
				return true
			})
			for i, at := range waiting {
				waiting[i] = n.schedule.earlier(n, at, now)
			}
			if len(waiting) > 0 && rand.IntN(3) == 0 {
				i := rand.IntN(len(waiting))
				n.schedule.leave(n, waiting[i], now)
				waiting = slices.Delete(waiting, i, i+1)
			}
			if rand.IntN(50) == 0 { // all leave
				for _, at := range waiting {
					n.schedule.leave(n, at, now)
				}
				waiting = nil
			}
			if n.schedule.take(n, now) {
				went = append(went, now)
			} else if at, ok := n.schedule.reserve(n, now, n.queue.Time); ok {
				waiting = append(waiting, at)
			}
		}
		if n.Waiting() != int64(len(waiting)) {
			t.Errorf("%d sessions wait, it counts %d", len(waiting), n.Waiting())
		}
		for _, span := range []time.Duration{100 * time.Millisecond, time.Second, 10 * time.Second} {
			allowed := int(float64(perSecond)*span.Seconds()+max(float64(perSecond)/10, 1)) + 1
			if got := most(went, int64(span)); got > allowed {
				t.Errorf("%d/s: %d within %v, allowed are %d", perSecond, got, span, allowed)
			}
		}
		if least := perSecond * int(long/time.Second) / 3; len(went) < least {
			t.Errorf("%d/s: %d in %v although more came: fewer than %d", perSecond, len(went), long, least)
		}
	}
}

func TestWaitingSessionsHaveTheirTurnInTheOrderInWhichTheyCame(t *testing.T) {
	n := pacedNode(t, 50, plenty, 0)
	for n.schedule.take(n, someTime) {
	}
	last := someTime
	for i := range 1000 {
		at, ok := n.schedule.reserve(n, someTime+int64(i), n.queue.Time)
		if !ok || at-last != 20*ms {
			t.Fatalf("session %d: its turn is %v after the one before, %t", i, time.Duration(at-last), ok)
		}
		last = at
	}
	if n.schedule.take(n, someTime+100*ms) {
		t.Error("a session that has just come passes those that wait")
	}
}

func TestAQueueIsBoundedInSizeAndTime(t *testing.T) {
	for name, row := range map[string]struct {
		q    Queue
		want int
	}{
		"size":     {Queue{7, time.Hour}, 7},
		"time":     {Queue{1000, 2 * time.Second}, 20},
		"no queue": {Queue{0, time.Hour}, 0},
	} {
		n := pacedNode(t, 10, row.q, 0)
		for n.schedule.take(n, someTime) {
		}
		waiting := 0
		for range 100 {
			if _, ok := n.schedule.reserve(n, someTime, n.queue.Time); ok {
				waiting++
			}
		}
		if waiting != row.want || n.Waiting() != int64(row.want) {
			t.Errorf("%s: %d wait, it counts %d, want %d", name, waiting, n.Waiting(), row.want)
		}
	}
}

// Clients that give up before their turn come again. If their turns passed empty, nobody would get in until the
// last of them was over.
func TestTurnsOfSessionsThatLeaveAreUsedByOthers(t *testing.T) {
	n := pacedNode(t, 10, Queue{100, 10 * time.Second}, 0)
	for n.schedule.take(n, someTime) {
	}
	var turns []int64
	for range 100 {
		at, ok := n.schedule.reserve(n, someTime, n.queue.Time)
		if !ok {
			t.Fatal("no room")
		}
		turns = append(turns, at)
	}
	for _, at := range turns[:98] {
		n.schedule.leave(n, at, someTime+ms)
	}
	if at := n.schedule.earlier(n, turns[99], someTime+ms); at != turns[0] {
		t.Errorf("the last one goes after %v, want the first turn", time.Duration(at-someTime))
	}
	if at, ok := n.schedule.reserve(n, someTime+ms, n.queue.Time); !ok || at != turns[99] {
		t.Errorf("a new one goes after %v, %t; want the turn after all others", time.Duration(at-someTime), ok)
	}
	n.schedule.leave(n, turns[99], someTime+ms)
	n.schedule.leave(n, turns[98], someTime+ms)
	n.schedule.leave(n, turns[0], someTime+ms)
	if wait, ok := n.schedule.wait(n, someTime+ms); wait > 100*time.Millisecond || !ok {
		t.Errorf("nobody waits any more, and a new one would wait %v", wait)
	}
}

func TestTheRateRampsUpInASlowStart(t *testing.T) {
	n := pacedNode(t, 100, plenty, 10*time.Second)
	n.condition.cameUp.Store(someTime)
	var turns []int64
	for len(turns) == 0 || turns[len(turns)-1] < someTime+20*int64(time.Second) {
		at, _ := n.schedule.reserve(n, someTime, n.queue.Time)
		turns = append(turns, at)
	}
	if turns[0] != someTime {
		t.Errorf("the first session waits %v", time.Duration(turns[0]-someTime))
	}
	within := func(from, to int64) (sessions int) {
		for _, at := range turns {
			if at >= someTime+from*1000*ms && at < someTime+to*1000*ms {
				sessions++
			}
		}
		return sessions
	}
	for second, want := range []int{11, 15, 25, 35, 45, 55, 65, 75, 85, 95, 100, 100} {
		if got := within(int64(second), int64(second+1)); got < want-2 || got > want+6 {
			t.Errorf("%d sessions in second %d, want about %d", got, second, want)
		}
	}
}

// Neither a new rate nor another address of the node gives it a burst more than it had.
func TestAScheduleOutlivesAReload(t *testing.T) {
	var r Registry
	pool := func(perSecond int, address string) *Node {
		p, err := NewPool(PoolSpec{Name: "p", Queue: plenty, Nodes: []NodeSpec{{Name: "a", Address: address, ConnectRate: perSecond}}})
		if err != nil {
			t.Fatal(err)
		}
		r.Join(p)
		return p.Nodes()[0]
	}
	before := pool(10, "127.0.0.1:1")
	for before.schedule.take(before, someTime) {
	}
	at, _ := before.schedule.reserve(before, someTime, time.Hour)
	after := pool(1000, "127.0.0.1:2")
	if after.Waiting() != 1 || after.WaitCount() != before.WaitCount() {
		t.Errorf("%d wait after the reload, want 1", after.Waiting())
	}
	if after.schedule.take(after, someTime) {
		t.Error("the reload lets one more in")
	}
	if next, ok := after.schedule.reserve(after, someTime, time.Hour); !ok || next-at > 101*ms || next-at < ms/2 {
		t.Errorf("the next one goes %v after the one that waits, %t", time.Duration(next-at), ok)
	}
	first, _ := after.schedule.reserve(after, someTime, time.Hour)
	second, _ := after.schedule.reserve(after, someTime, time.Hour)
	if second-first != ms {
		t.Errorf("at 1000/s, two go within %v", time.Duration(second-first))
	}
	for range 4 {
		after.schedule.pass(0)
	}
	free := pool(0, "127.0.0.1:1")
	for range 1000 {
		if !free.Admit() || free.Busy() != "" {
			t.Fatal("without a rate a session has to wait")
		}
	}
}

// rampingNode returns a node that has just come up and takes a session in ten seconds.
func rampingNode(t *testing.T, q Queue) *Node {
	t.Helper()
	n := pacedNode(t, 1, q, time.Hour)
	n.SetHealth(Down)
	n.SetHealth(Up)
	return n
}

func TestANodeSaysWhyItIsBusy(t *testing.T) {
	n := rampingNode(t, Queue{1, time.Minute})
	if n.Busy() != "" {
		t.Errorf("an idle node is busy: %s", n.Busy())
	}
	n.Admit()
	const busy = "its connect_rate of 1/s, of which its slow start allows 10 %, is used up, and "
	if got := n.Busy(); !strings.HasPrefix(got, busy+"the next session would wait ") || !strings.HasSuffix(got, "s, after 0 others") {
		t.Errorf("%q", got)
	}
	turn, ok := n.Enqueue(0)
	if got, want := n.Busy(), busy+"as many sessions wait as queue.size allows, 1"; got != want || !ok {
		t.Errorf("%q, want %q", got, want)
	}
	turn.Leave()
	n.queue.Time = time.Millisecond
	if got, want := n.Busy(), busy+"the next session would wait longer than queue.time allows, 1ms"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestATurnIsLeftOnce(t *testing.T) {
	n := rampingNode(t, plenty)
	n.Admit()
	turn, ok := n.Enqueue(0)
	if !ok || turn.Node() != n || turn.Wait() == 0 || n.Waiting() != 1 {
		t.Fatalf("%v, %t, %d wait", turn, ok, n.Waiting())
	}
	turn.Leave()
	turn.Leave()
	if turn.Node() != nil || n.Waiting() != 0 {
		t.Errorf("%v, %d wait", turn, n.Waiting())
	}
	if _, ok := n.Enqueue(time.Hour); ok {
		t.Error("a session waits longer than the queue's time in several queues")
	}
}
