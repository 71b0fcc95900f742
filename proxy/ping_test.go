package proxy

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// pingSoon is Ping with a wait that a living loop always keeps.
func (r *rig) pingSoon() error {
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	return r.srv.Ping(ctx)
}

func TestPingSaysWhetherEveryLoopTurns(t *testing.T) {
	r := prepare(t, []string{startNode(t, nil).address()})
	given := func() error {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return r.srv.Ping(ctx)
	}
	if err := given(); !errors.Is(err, context.Canceled) {
		t.Errorf("before the loops run: %v", err)
	}
	r.run()
	if err := r.pingSoon(); err != nil {
		t.Errorf("while the loops run: %v", err)
	}

	for i, l := range r.srv.engine.loops {
		stuck, release := make(chan struct{}), make(chan struct{})
		l.Do(func() { close(stuck); <-release })
		<-stuck
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() { failed <- r.srv.Ping(ctx) }() // ends with ctx
		// The other loops have answered this call when they have done what came after it.
		for j, other := range r.srv.engine.loops {
			if j != i {
				ask(other, func() bool { return true })
			}
		}
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "has not answered") {
			t.Errorf("while loop %d is stuck: %v", i, err)
		}
		close(release)
		if err := r.pingSoon(); err != nil {
			t.Errorf("after loop %d was stuck: %v", i, err)
		}
	}
	r.stop()
	if err := r.pingSoon(); err != nil {
		t.Errorf("after the stop: %v", err)
	}
}
