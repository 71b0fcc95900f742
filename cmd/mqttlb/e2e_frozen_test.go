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

// EMQX asks the other nodes of its cluster about the session of a client that comes. When one of them freezes,
// CONNECTs hang on all, and so does the mqtt probe. The sessions of the healthy nodes stay all the same.
func TestFrozenBrokerCostsTheOthersNoSession(t *testing.T) {
	t.Parallel()
	const clients = 24
	brokers, port := startActors(t, "127.9.8", "a", "b", "c")
	a, b, c := brokers[0], brokers[1], brokers[2]
	var nodes strings.Builder
	for _, broker := range brokers {
		fmt.Fprintf(&nodes, "      - {name: %s, address: %q}\n", broker.name, broker.addr)
	}
	r := newReloadee(t, nodes.String())
	r.health = fmt.Sprintf("{probe: [emqx, mqtt], port: %s, interval: 2s, timeout: 2s, fall: 2, rise: 2}", port)
	r.more = "    when_down: close\n    drain_rate: 1000\n"
	r.put(t)
	r.run(t)
	sessions, home := map[string]*wire{}, map[string]string{}
	for i, id := range ids("client", clients) {
		sessions[id] = join(t, r.addrs["mqtt"], "", 4+byte(i%2), id)
		home[id] = firstNode(t, []string{"a", "b", "c"}, id)
	}

	a.play(stalls)
	b.play(stalls)
	for _, name := range []string{"a", "b"} {
		r.waitFor(t, `"msg":"node is draining"`, `"node":"`+name+`"`, `"reason":"emqx is running, but: no CONNACK within timeout 2s"`)
	}
	c.play(freezes) // later than in life, so that its sessions find no other node up
	r.waitFor(t, `"msg":"node is down"`, `"node":"c"`)
	if len(r.said(`"msg":"the sessions of a node leave"`)) > 0 {
		t.Error("sessions leave where no node takes clients")
	}

	// The cluster finds that c is gone.
	a.play(serves)
	b.play(serves)
	for _, name := range []string{"a", "b"} {
		r.waitFor(t, `"msg":"node is up"`, `"node":"`+name+`"`)
	}
	for id, w := range sessions {
		if home[id] == "c" {
			w.waitClosed(t)
		} else if w.publish(1, id) != nil || w.puback() != nil {
			t.Errorf("%s was on %s, and has lost its session", id, home[id])
		}
	}
}
