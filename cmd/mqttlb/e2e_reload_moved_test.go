package main_test

import (
	"strings"
	"testing"
)

// A pool that no listener uses any more is still in the file: its sessions stay. They leave when it goes.
func TestSessionsStayOnAPoolThatItsListenerHasLeft(t *testing.T) {
	t.Parallel()
	brokers := startMosquittos(t, 2)
	r := newReloadee(t, nodes(brokers[0])+"  - name: others\n    health: {probe: none}\n    nodes:\n"+nodes(brokers[1]))
	r.put(t)
	r.run(t)
	stays := join(t, r.addrs["mqtt"], "", 5, "stays")
	text := r.text()
	moved := strings.Replace(text, "pool: brokers", "pool: others", 1)
	r.write(t, "127.0.0.1", moved)
	r.mustReload(t)
	for range 3 { // the pace of a drain has ticks: within a second all would have left
		join(t, r.addrs["mqtt"], "", 5, "comes").disconnect(t)
		r.mustReload(t)
	}
	for _, s := range r.sessionsEnded(t, 3) {
		if s.Node != brokers[1].name || s.ClientID != "comes" {
			t.Errorf("a session's line is %+v", s)
		}
	}
	if err := stays.ping(); err != nil {
		t.Fatal(err)
	}
	if n := r.metrics(t).sum(t, "mqttlb_sessions_open", `node="`+brokers[0].name+`"`); n != 1 {
		t.Errorf("%v sessions are open on the pool that was left, want 1", n)
	}
	first, _, _ := strings.Cut(moved, "  - name: brokers\n")
	_, rest, _ := strings.Cut(moved, "  - name: others\n")
	r.write(t, "127.0.0.1", first+"  - name: others\n"+rest)
	r.mustReload(t)
	if err := stays.hearsOfAnotherServer(); err != nil {
		t.Error(err)
	}
}
