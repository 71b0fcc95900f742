package main_test

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// Nodes whose accept queues overflow in a storm are slow, not down, and no client is
// refused before timeouts.connect_node. Before the nodes accept a client, each client has
// had more attempts that timed out than there are nodes.
func TestAStormOnNodesThatAdmitFewRefusesNobody(t *testing.T) {
	t.Parallel()
	const clients = 1500
	x, y := startStub(t, "x", 200, 128), startStub(t, "y", 200, 128)
	// A probe waits in the same queue as sessions and is dropped like them. With a high
	// fall, probes do not take the node down, so a node that is down was taken by sessions.
	b := serve(t, `
listeners:
  - {name: mqtt, address: "${mqtt}", pool: stubs}
pools:
  - name: stubs
    health: {probe: tcp, fall: 100}
    nodes:
`+stubs(x, y)+`timeouts: {dial: 500ms, connect_node: 50s}
`)
	<-x.free
	<-y.free
	take := sync.OnceFunc(func() {
		x.free <- struct{}{}
		y.free <- struct{}{}
	})
	defer take()
	var storm sync.WaitGroup
	errs := make([]error, clients)
	for i, id := range ids("storm", clients) {
		storm.Go(func() {
			w, err := tryDialWire(b.addrs["mqtt"], "")
			if err != nil {
				errs[i] = err
				return
			}
			t.Cleanup(func() { w.Close() })
			switch code, err := w.connect(5, id); {
			case err != nil:
				errs[i] = fmt.Errorf("%s: %w", id, err)
			case code != 0:
				errs[i] = fmt.Errorf("%s is refused with 0x%02x", id, code)
			}
		})
	}
	failures := func() float64 { return b.metrics(t).sum(t, "mqttlb_dial_errors_total") }
	eventually(t, "attempts that failed", func() bool { return failures() >= 3*clients })
	begun := time.Now()
	take()
	storm.Wait()
	t.Logf("all are in %v after the nodes took the first", time.Since(begun))
	failed := 0
	for _, err := range errs {
		if err != nil {
			if failed++; failed <= 5 {
				t.Error(err)
			}
		}
	}
	if failed > 0 {
		t.Errorf("%d of %d clients are not in", failed, clients)
	}
	if n := b.metrics(t).sum(t, "mqttlb_node_state", `state="up"`); n != 2 {
		t.Errorf("%v nodes are up, want 2", n)
	}
	if lines := b.said("node is down"); len(lines) > 0 {
		t.Errorf("a node that is slow was taken out: %s", lines[0])
	}
}
