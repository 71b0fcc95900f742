package tlsterm

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestHigherLimitLetsTheWaitingInAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1, 0, 10)
		in := enter(t.Context(), g, 5)
		g.SetLimits(3, 0, 10)
		synctest.Wait()
		if len(in) != 3 {
			t.Errorf("%d are in, want 3", len(in))
		}
		g.SetLimits(0, 0, 10)
		synctest.Wait()
		if got := g.Counts(); len(in) != 5 || got.Running != 5 || got.Waiting != 0 {
			t.Errorf("%d are in without a limit: %+v", len(in), got)
		}
	})
}

func TestLowerLimitLeavesThoseThatRunAndWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(3, 0, 10)
		in := enter(t.Context(), g, 6)
		g.SetLimits(1, 0, 1)
		if got := g.Counts(); got.Running != 3 || got.Waiting != 3 {
			t.Errorf("got %+v", got)
		}
		if err := g.Enter(t.Context()); !errors.Is(err, ErrBusy) {
			t.Errorf("the queue is longer than the limit, and got %v", err)
		}
		for want := range 6 {
			if got := <-in; got != want {
				t.Errorf("number %d is in as number %d", got, want)
			}
			if running := g.Counts().Running; want >= 2 && running != 1 {
				t.Errorf("%d run", running)
			}
			g.Leave(nil, nil)
			synctest.Wait()
		}
		if got := g.Counts(); !sameCounts(got, GateCounts{Refused: 1, Done: 6}) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestHigherRateDoesNotWaitForTheOldOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(0, 1, 1000)
		in := enter(t.Context(), g, 60)
		if len(in) != 1 {
			t.Fatalf("%d are in at once", len(in))
		}
		begin := time.Now()
		g.SetLimits(0, 100, 1000)
		for range 60 {
			<-in
		}
		if got := time.Since(begin); got != 580*time.Millisecond { // 1 at once, then 1 each 10 ms
			t.Errorf("the rest took %v", got)
		}
		more := enter(t.Context(), g, 20)
		g.SetLimits(0, 0, 1000)
		synctest.Wait()
		if len(more) != 20 {
			t.Errorf("%d are in without a limit", len(more))
		}
	})
}

func TestLowerRateHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(0, 100, 1000)
		in := enter(t.Context(), g, 12)
		for range 10 {
			<-in
		}
		begin := time.Now()
		g.SetLimits(0, 1, 1000)
		<-in // its place was due already at the old rate
		<-in
		if got := time.Since(begin); got < time.Second {
			t.Errorf("two within %v", got)
		}
	})
}

// A reload that does not change the limits lets no handshake begin.
func TestSameLimitsChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(0, 10, 1000)
		in := enter(t.Context(), g, 50)
		begin := time.Now()
		for range 100 {
			g.SetLimits(0, 10, 1000)
			<-time.After(10 * time.Millisecond)
		}
		synctest.Wait()
		if got := int(time.Since(begin) / (100 * time.Millisecond)); len(in) != got+1 {
			t.Errorf("%d are in after %d turns", len(in), got)
		}
	})
}
