package main_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A broker that is stopped accepts connections and answers nothing. Its clients are told to leave, so
// many a second, and the broker's silence delays nobody.
func TestClientsOfAFrozenBrokerAreReleasedAtAPace(t *testing.T) {
	t.Parallel()
	const clients, perSecond = 60, 20
	brokers := startMosquittos(t, 2)
	r := newReloadee(t, nodes(brokers...))
	r.write(t, "127.0.0.1", strings.Replace(r.text(), "health: {probe: none}",
		fmt.Sprintf("health: {probe: mqtt, interval: 1s, timeout: 1s, fall: 2, rise: 1}\n    when_down: close\n    drain_rate: %d", perSecond), 1))
	r.run(t)
	all := ids("client", clients)
	sessions := map[string]*wire{}
	for i, id := range all {
		sessions[id] = join(t, r.addrs["mqtt"], "", 4+byte(i%2), id)
	}
	was := homes(t, brokers, all, 1)
	frozen := brokers[1]
	frozen.signal(t, syscall.SIGSTOP)
	r.waitFor(t, `"msg":"the sessions of a node leave"`, `"cause":"node_down"`)
	begun := time.Now()
	var moved []string
	for i, id := range all {
		w := sessions[id]
		if was[id] != frozen {
			continue
		}
		moved = append(moved, id)
		if i%2 == 1 {
			if err := w.hearsOfAnotherServer(); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		} else {
			w.waitClosed(t)
		}
		w.Close()
		sessions[id] = join(t, r.addrs["mqtt"], "", 4, id)
	}
	if least := time.Duration(len(moved)) * time.Second / perSecond; len(moved) == 0 || time.Since(begun) < least-time.Second/2 {
		t.Errorf("%d sessions left in %v, want %v", len(moved), time.Since(begun), least)
	}
	for _, s := range r.sessionsEnded(t, len(moved), `"node_down"`) {
		if s.Node != frozen.name {
			t.Errorf("a session's line is %+v", s)
		}
	}
	for id, w := range sessions {
		if err := w.ping(); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if n := r.node(t, frozen.name); n.Pools[0].State != "down" || n.Pools[0].Reason == "" || n.Drain == nil || n.Drain.Cause != "node_down" || n.Drain.Leaving != int64(len(moved)) {
		t.Errorf("%+v, %+v", n, n.Drain)
	}
	seen := brokers[0].connects()
	for _, id := range moved {
		if seen[id] != 1 {
			t.Errorf("%s is not on the other node", id)
		}
	}

	frozen.signal(t, syscall.SIGCONT)
	eventually(t, "the node is up", func() bool { return r.node(t, frozen.name).Pools[0].State == "up" })
	eventually(t, "the end of the drain", func() bool { return r.node(t, frozen.name).Drain == nil })
	home := join(t, r.addrs["mqtt"], "", 5, moved[0])
	if err := home.ping(); err != nil {
		t.Error(err)
	}
}
