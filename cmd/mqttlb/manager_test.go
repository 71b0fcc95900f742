package main

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"

	"mqttlb/balancer/nodeset"
	"mqttlb/config"
)

// Requests wait until the manager runs, and while it works. When it ends, none is left
// waiting.
func TestChangesWaitForTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newLogger(io.Discard, false)
		defer log.close()
		m := newManager(&revision{config: &config.Config{}, plan: &plan{sets: nodeset.New(nil, log.Logger)}}, nil, log)
		var order []int // order in which the work began; only the manager's goroutine uses it
		var asked sync.WaitGroup
		errs := make([]error, 4)
		ask := func(ctx context.Context, i int, work func()) {
			asked.Go(func() { // ends when the work is done or refused
				errs[i] = m.do(ctx, func(context.Context) {
					order = append(order, i)
					work()
				})
			})
			synctest.Wait()
		}
		ask(t.Context(), 0, func() {})
		if len(order) > 0 {
			t.Error("work is done before the manager runs")
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { // ends at stop
			defer close(ended)
			m.run(ctx, ctx)
		}()
		synctest.Wait()
		if len(order) != 1 {
			t.Error("work that has waited is not done")
		}

		busy := make(chan struct{})
		ask(t.Context(), 1, func() { <-busy })
		impatient, leave := context.WithCancel(t.Context())
		ask(impatient, 2, func() {})
		ask(t.Context(), 3, func() {})
		if len(order) != 2 {
			t.Errorf("%v are done while the second is being worked on", order)
		}
		leave()
		synctest.Wait()
		close(busy)
		asked.Wait()
		for i, want := range []error{nil, nil, context.Canceled, nil} {
			if !errors.Is(errs[i], want) {
				t.Errorf("the error of %d is %v, want %v", i, errs[i], want)
			}
		}
		stop()
		<-ended
		if err := m.do(t.Context(), func(context.Context) { t.Error("work is done after the end") }); !errors.Is(err, errStopping) {
			t.Errorf("after the end: %v", err)
		}
	})
}
