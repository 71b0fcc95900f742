package main_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	v5 "github.com/eclipse/paho.golang/packets"
)

// hearsOfAnotherServer reads the DISCONNECT with which a session of MQTT 5 leaves its node, and the end of the connection.
func (w *wire) hearsOfAnotherServer() error {
	p, err := v5.ReadPacket(w.in)
	if err != nil {
		return err
	}
	d, ok := p.Content.(*v5.Disconnect)
	if !ok || d.ReasonCode != v5.DisconnectUseAnotherServer {
		return fmt.Errorf("%s where a DISCONNECT with 0x9C was due", p)
	}
	if _, err := w.in.ReadByte(); err == nil {
		return errors.New("the connection goes on after the DISCONNECT")
	}
	return w.Close()
}

// The sessions of a node that is taken out leave it, so many a second, and find the other one. Nobody else notices.
func TestSessionsOfARemovedNodeLeaveAtItsPace(t *testing.T) {
	t.Parallel()
	const clients, perSecond = 60, 15
	brokers := startMosquittos(t, 2)
	pace := fmt.Sprintf("    drain_rate: %d\n", perSecond)
	r := serveReloadable(t, nodes(brokers...)+pace)
	all := ids("client", clients)
	sessions := map[string]*wire{}
	for i, id := range all {
		sessions[id] = join(t, r.addrs["mqtt"], "", 4+byte(i%3/2), id) // each third one speaks MQTT 5
	}
	was := homes(t, brokers, all, 1)

	r.nodes = nodes(brokers[0]) + pace
	r.put(t)
	begun := time.Now()
	r.mustReload(t)
	var moved []string
	for i, id := range all {
		w := sessions[id]
		if was[id] == brokers[0] {
			continue
		}
		moved = append(moved, id)
		if i%3 == 2 {
			if err := w.hearsOfAnotherServer(); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		} else {
			w.waitClosed(t)
		}
		sessions[id] = join(t, r.addrs["mqtt"], "", 4, id)
	}
	if least := time.Duration(len(moved)) * time.Second / perSecond; len(moved) == 0 || time.Since(begun) < least-time.Second/2 {
		t.Errorf("%d sessions left in %v, want %v", len(moved), time.Since(begun), least)
	}
	for _, s := range r.sessionsEnded(t, len(moved)) {
		if s.Node != brokers[1].name || s.Outcome != "drained" {
			t.Errorf("a session's line is %+v", s)
		}
	}
	eventually(t, "all are on the node that is left", func() bool {
		seen := brokers[0].connects()
		for _, id := range all {
			if seen[id] != 1 {
				return false
			}
		}
		return true
	})
	for id, w := range sessions {
		if err := w.ping(); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestSessionsOfARemovedNodeStayWhereTheFileSaysSo(t *testing.T) {
	t.Parallel()
	const clients = 20
	brokers := startMosquittos(t, 2)
	const keep = "    removed_nodes: keep\n"
	r := serveReloadable(t, nodes(brokers...)+keep)
	all := ids("client", clients)
	sessions := map[string]*wire{}
	for _, id := range all {
		sessions[id] = join(t, r.addrs["mqtt"], "", 5, id)
	}
	was := homes(t, brokers, all, 1)
	stay := func(when string) {
		t.Helper()
		for id, w := range sessions {
			if err := w.ping(); err != nil {
				t.Errorf("%s: %s of %s: %v", when, id, was[id].name, err)
			}
		}
	}
	put := func(nodes string) {
		t.Helper()
		r.nodes = nodes
		r.put(t)
		r.mustReload(t)
	}
	put(nodes(brokers[0]) + keep)
	for _, id := range all[:5] {
		join(t, r.addrs["mqtt"], "", 5, "new-"+id).disconnect(t)
	}
	stay("without their node")
	for _, s := range r.sessionsEnded(t, 5) {
		if s.Node != brokers[0].name {
			t.Errorf("a new session is on %s", s.Node)
		}
	}
	put(nodes(brokers...) + keep)
	stay("with their node again")

	// A node that is there again keeps its sessions, even if they had begun to leave.
	put(nodes(brokers[0]) + "    drain_rate: 1\n")
	put(nodes(brokers...))
	put(strings.Replace(nodes(brokers...), "}", ", weight: 7}", 1) + keep)
	left := 0
	for id, w := range sessions {
		if err := w.ping(); err != nil {
			left++
			delete(sessions, id)
		}
	}
	if left > 5 {
		t.Errorf("%d sessions have left a node that was away for a moment, at one a second", left)
	}
	stay("with another weight")
}

// The sessions of a listener outlive it.
func TestARemovedListenerTakesNobodyAndKeepsItsSessions(t *testing.T) {
	t.Parallel()
	brokers := startMosquittos(t, 2)
	r := newReloadee(t, nodes(brokers[0]))
	const other = "\n  - {name: other, removed_nodes: keep, health: {probe: none}, nodes: [{name: b, address: \"%s\"}]}\nlisteners:\n  - {name: other, address: \"${other}\", pool: %s}\n"
	text := func(more string) string {
		// the lists of oneBroker go on
		pools, listeners, _ := strings.Cut(more, "\nlisteners:\n")
		base := r.text()
		base = strings.Replace(base, "\npools:", "\n"+listeners+"pools:", 1)
		return strings.Replace(base, "\nadmin:", pools+"\nadmin:", 1)
	}
	put := func(more string) {
		t.Helper()
		r.write(t, "127.0.0.1", text(more))
	}
	both := fmt.Sprintf(other, brokers[1].addr, "other")
	put(both)
	r.run(t)
	addr := r.addrs["other"]
	stays, main := join(t, addr, "", 5, "stays"), join(t, r.addrs["mqtt"], "", 5, "main")
	for _, c := range []struct{ name, more string }{
		{"the listener and its pool", ""},
		{"the listener alone", strings.Split(both, "\nlisteners:\n")[0]},
	} {
		put(c.more)
		r.mustReload(t)
		for _, w := range []*wire{stays, main} {
			if err := w.ping(); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		eventually(t, c.name+": new clients are refused", func() bool {
			conn, err := dialer("").Dial("tcp", addr)
			if err == nil {
				conn.Close()
			}
			return errors.Is(err, syscall.ECONNREFUSED)
		})
		theirs, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatalf("%s: its address is not free: %v", c.name, err)
		}
		put(both)
		if out, code := r.reload(t); code != 1 || !strings.Contains(out, addr) || !strings.Contains(out, "address already in use") {
			t.Errorf("%s: an address that another program has: exit code %d, %s", c.name, code, out)
		}
		theirs.Close()
		r.mustReload(t)
		join(t, addr, "", 5, "new").disconnect(t)
		if err := stays.ping(); err != nil {
			t.Fatalf("%s, and there again: %v", c.name, err)
		}
	}
	if open := r.metrics(t).sum(t, "mqttlb_sessions_open", `listener="other"`); open != 1 {
		t.Errorf("%v sessions are open on the listener, want 1", open)
	}
}
