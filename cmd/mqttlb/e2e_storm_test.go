package main_test

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// Nodes that drop most of a storm for want of turns are slow, not down, and nobody is
// refused while there is time.
func TestAStormOnNodesThatAdmitFewRefusesNobody(t *testing.T) {
	t.Parallel()
	const clients = 1500
	nodes := stubs(startStub(t, "a", 200, 256), startStub(t, "b", 200, 256))
	// A probe waits in the same queue and is dropped like the sessions: the more of them it
	// takes to say that a node is down, the surer it is that no session does.
	b := serve(t, `
listeners:
  - {name: mqtt, address: "${mqtt}", pool: stubs}
pools:
  - name: stubs
    health: {probe: tcp, fall: 100}
    nodes:
`+nodes+`timeouts: {dial: 1s}
`)
	begun := time.Now()
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
	storm.Wait()
	t.Logf("all are in after %v", time.Since(begun))
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
	m := b.metrics(t)
	if n := m.sum(t, "mqttlb_dial_errors_total"); n < 100 {
		t.Errorf("%v attempts failed: that was no storm", n)
	}
	if n := m.sum(t, "mqttlb_node_state", `state="up"`); n != 2 {
		t.Errorf("%v nodes are up, want 2", n)
	}
	if lines := b.said("node is down"); len(lines) > 0 {
		t.Errorf("a node that is slow was taken out: %s", lines[0])
	}
}
