package tlsterm

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// enter calls Enter n times, one after the other, and sends the number of each caller when
// it has a place.
func enter(ctx context.Context, g *Gate, n int) <-chan int {
	in := make(chan int, n)
	for i := range n {
		go func() { // ends with its Enter or ctx
			if g.Enter(ctx) == nil {
				in <- i
			}
		}()
		synctest.Wait()
	}
	return in
}

// sameCounts compares two counts as text, in which the keys of maps are sorted.
func sameCounts(a, b GateCounts) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

func TestGateHoldsBackWhatIsTooMuchAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(2, 0, 3)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		in := enter(ctx, g, 5)
		if got := g.Counts(); len(in) != 2 || got.Running != 2 || got.Waiting != 3 {
			t.Fatalf("%d are in: %+v", len(in), got)
		}
		if err := g.Enter(ctx); !errors.Is(err, ErrBusy) {
			t.Errorf("the queue is full, and got %v", err)
		}
		for i := range 5 {
			if got := <-in; got != i {
				t.Errorf("number %d is in as number %d", got, i)
			}
			g.Leave(&Session{agreed: agreed{tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256, i == 0}}, nil)
			synctest.Wait()
		}
		got, want := g.Counts(), GateCounts{Refused: 1, Done: 5, Resumed: 1, Agreed: map[Agreed]uint64{
			{"TLSv1.3", "TLS_AES_128_GCM_SHA256", false}: 4, {"TLSv1.3", "TLS_AES_128_GCM_SHA256", true}: 1,
		}}
		if !sameCounts(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// A handshake that waits for its client lets others compute. It goes on before those that have not begun.
func TestGateLetsOthersThroughWhileAHandshakeWaitsForItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1, 0, 10)
		in := enter(t.Context(), g, 3)
		if got := <-in; got != 0 {
			t.Fatalf("number %d is in first", got)
		}
		g.pause()
		synctest.Wait()
		if got := <-in; got != 1 {
			t.Fatalf("number %d is in while the first waits", got)
		}
		resumed := make(chan struct{})
		go func() { // ends when the second one leaves
			g.resume(t.Context())
			close(resumed)
		}()
		synctest.Wait()
		select {
		case <-resumed:
			t.Fatal("two compute at once")
		default:
		}
		if got := g.Counts(); got.Running != 2 || got.Waiting != 1 {
			t.Errorf("got %+v", got)
		}
		g.Leave(nil, nil)
		<-resumed
		synctest.Wait()
		if len(in) != 0 {
			t.Error("one that has not begun came first")
		}
		g.Leave(nil, nil)
		if got := <-in; got != 2 {
			t.Errorf("number %d is in last", got)
		}
	})
}

// A handshake that runs out of time while it waits for a place takes one, so that it can
// end.
func TestGateResumesWhenTheTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1, 0, 10)
		in := enter(t.Context(), g, 2)
		<-in
		g.pause()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		g.resume(ctx)
		g.Leave(nil, context.DeadlineExceeded)
		g.Leave(nil, nil)
		if got := g.Counts(); got.Running != 0 || g.taken != 0 {
			t.Errorf("got %+v, %d places taken", got, g.taken)
		}
	})
}

func TestGateKeepsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(0, 100, 1000) // a burst of 10, then one each 10 ms
		begin := time.Now()
		in := enter(t.Context(), g, 60)
		if len(in) != 10 {
			t.Fatalf("%d came through at once, want a burst of 10", len(in))
		}
		for i := range 60 {
			if got := <-in; got != i {
				t.Errorf("number %d is in as number %d", got, i)
			}
			g.Leave(nil, errors.New("no matter"))
		}
		if got := time.Since(begin); got != 500*time.Millisecond {
			t.Errorf("60 took %v, want 500 ms", got)
		}
		if got := g.Counts(); !sameCounts(got, GateCounts{Failed: 60}) {
			t.Errorf("%+v", got)
		}
		time.Sleep(time.Hour) //nolint:forbidigo // the bubble's clock: a pause does not save up more than the burst
		if in := enter(t.Context(), g, 20); len(in) != 10 {
			t.Errorf("%d came through at once after a pause", len(in))
		}
	})
}

func TestGateForgetsWhoGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1, 10, 10)
		if err := g.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		enter(ctx, g, 1)
		patient := enter(t.Context(), g, 1)
		<-ctx.Done()
		synctest.Wait()
		if got := g.Counts(); got.Waiting != 1 || got.Abandoned != 1 {
			t.Errorf("%+v", got)
		}
		g.Leave(nil, nil)
		<-patient
		if err := g.Enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v from a context that has ended", err)
		}
		g.Leave(nil, nil)
		if got := g.Counts(); !sameCounts(got, GateCounts{Abandoned: 1, Done: 2}) {
			t.Errorf("%+v", got)
		}
	})
}

func TestGateWithoutQueueRefusesAtOnce(t *testing.T) {
	g := NewGate(1, 0, 0)
	if err := g.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Enter(t.Context()); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
	g.Leave(nil, nil)
	if err := g.Enter(t.Context()); err != nil {
		t.Errorf("the place is free again, and got %v", err)
	}
}
