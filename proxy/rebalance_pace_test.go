package proxy

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
)

// Every window of a second is counted, by the server's own count.
func TestThousandSessionsReturnEvenly(t *testing.T) {
	proxytest.WaitAbreast(t)
	const sessions, perSecond = 1000, 200
	const most = sessions * 95 / 100 // one that a busy machine has a pass miss returns with the next look, a minute later
	r, _ := displaced(t, sessions, rebalanceAt(perSecond))
	r.node(0).SetHealth(balancer.Up)
	var moved samples
	for began := time.Now(); moved.take(func() int64 { return int64(r.back().TotalMoved) }) < most; {
		time.Sleep(drainInterval / 5) //nolint:forbidigo // between two samples
		if time.Since(began) > 4*patience {
			t.Fatalf("%+v", r.back())
		}
	}
	moved = slices.DeleteFunc(moved, func(s sample) bool { return s.n == 0 })
	moved.checkPace(t, perSecond)
}

// A rebalance goes on with another pace, and ends where the file has none.
func TestReloadChangesThePaceOfARebalanceOrEndsIt(t *testing.T) {
	proxytest.WaitAbreast(t)
	const sessions = 60
	r, clients := displaced(t, sessions, rebalanceAt(2))
	r.node(0).SetHealth(balancer.Up)
	eventually(t, "the first to return", func() bool { return r.back().Moved > 0 })
	began := r.back().Began
	r.apply(rebalanceAt(40))
	eventually(t, "others to return", func() bool { return r.back().Moved > 10 })
	if p := r.back(); p.PerSecond != 40 || p.Began != began {
		t.Errorf("after a reload with another pace: %+v", p)
	}
	r.apply(rebalanceAt(0))
	if p, ok := r.srv.Rebalances()["pool"]; ok {
		t.Errorf("a rebalance without a pace: %+v", p)
	}
	r.waitLine(`msg="sessions do not return to their first node any more" pool=pool moved=`)
	r.wantLiving(clients, outcome.Moved)
	moved := r.outcomes(outcome.Moved)
	r.apply(rebalanceAt(1000))
	r.waitOutcome(outcome.Moved, sessions)
	if p := r.back(); p.TotalFound != sessions-moved {
		t.Errorf("after %d of %d: %+v", moved, sessions, p)
	}
}

// A rebalance and a drain of another node each keep their pace.
func TestRebalanceAndDrainKeepTheirPacesSideBySide(t *testing.T) {
	proxytest.WaitAbreast(t)
	const sessions, perSecond = 60, 20
	r, _ := displaced(t, sessions, rebalanceAt(perSecond))
	r.apply(r.on(r.node(0).Address, r.node(1).Address, startNode(t, nil).address()))
	onC := uint64(0)
	for i := 0; onC < sessions; i++ {
		id := fmt.Sprint("other-", i)
		if r.snap.Listeners[0].Pool.Home(balancer.Hash([]byte(id))).Name == "node-c" {
			r.open(id)
			onC++
		}
	}
	began := time.Now()
	r.drain(2, Pace{PerSecond: perSecond})
	r.node(0).SetHealth(balancer.Up)
	r.waitOutcome(outcome.Drained, onC)
	eventually(t, "all to return", func() bool { p := r.back(); return p.Moved > 0 && !p.Active })
	if took := time.Since(began); took < sessions*time.Second/perSecond*8/10 {
		t.Errorf("%d sessions left each of two nodes in %v", sessions, took)
	}
}
