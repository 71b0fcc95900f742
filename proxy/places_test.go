package proxy

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// twoListeners adds a listener "other" for the same pool and sets the places and the reserves.
func twoListeners(places, reserve, other int) setting {
	return func(s *snapshot.Snapshot) {
		second := *s.Listeners[0]
		second.Name = "other"
		s.Listeners = append(s.Listeners, &second)
		s.MaxConnections, s.Listeners[0].Reserve, second.Reserve = places, reserve, other
	}
}

// openOn opens an MQTT session on a listener.
func (r *rig) openOn(listener, id string) *client {
	r.t.Helper()
	c := r.dialBare(r.srv.Addr(listener))
	c.send(connectAs(id))
	c.expect(connack311)
	return c
}

func (r *rig) refusedOn(listener string) {
	r.t.Helper()
	c := r.dialBare(r.srv.Addr(listener))
	c.send(connect5)
	c.expect([]byte{0x20, 3, 0, 0x97, 0})
	c.rest()
	_ = c.Close()
}

func TestTheReserveOfAListenerIsForItsOwnClients(t *testing.T) {
	for name, reserve := range map[string]int{"places": 3, "percentage": -30} {
		t.Run(name, func(t *testing.T) {
			r := start(t, []string{startNode(t, nil).address()}, twoListeners(10, 0, reserve))
			var inside []*client
			for i := range 7 {
				inside = append(inside, r.openOn("mqtt", fmt.Sprint(i)))
			}
			r.refusedOn("mqtt")
			r.waitOutcome(outcome.RefusedReserve, 1)
			r.waitLine(`outcome=reserve error="the free places of limits.max_connections (10) are listeners[].reserve of other listeners"`)
			for i := range 3 {
				r.openOn("other", fmt.Sprint("other-", i))
			}
			r.refusedOn("other")
			r.waitOutcome(outcome.RefusedConnections, 1)
			_ = inside[0].Close()
			r.waitOutcome(outcome.ClientClosed, 1)
			r.openOn("other", "beyond its reserve")
		})
	}
}

// A listener that uses its reserve takes nothing more away from the others, and a reload changes it.
func TestAReserveInUseAndAReloadLeaveTheRestToAll(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()}, twoListeners(6, 0, 3))
	for i := range 3 {
		r.openOn("other", fmt.Sprint("other-", i))
		r.openOn("mqtt", fmt.Sprint("mqtt-", i))
	}
	r.apply(func(s *snapshot.Snapshot) { s.MaxConnections, s.Listeners[1].Reserve = 8, 4 })
	r.openOn("mqtt", "one more")
	r.refusedOn("mqtt")
	r.waitOutcome(outcome.RefusedReserve, 1)
	r.apply(func(s *snapshot.Snapshot) { s.Listeners[1].Reserve = 0 })
	r.openOn("mqtt", "two more")
}

// A flood of half-open connections, of which each would stay for long, keeps nobody of another address
// out: not where it is, and not at another listener.
func TestAFloodOfOpeningsTakesNoPlaces(t *testing.T) {
	needLoopbackNetwork(t)
	inEachMode(t, func(t *testing.T, m mode) {
		const places = 30
		r := start(t, []string{m.startNode(t, nil).address()}, m.set, twoListeners(places, 0, 0))
		begun := connect311[:4]
		switch {
		case m.tls:
			begun = hello(t)[:20]
		case m.clientWS():
			begun = []byte("GET /mqtt HT")
		}
		flood := make([]net.Conn, 0, 2*places)
		for range 2 * places {
			c := r.dialFrom("127.0.0.2")
			_, _ = c.Write(begun) // it may be refused
			flood = append(flood, c)
		}
		eventually(t, "a full server", func() bool { return r.srv.admitted.Load() == places })
		slow := r.handshakeAndUpgrade(r.dialFrom("127.0.0.3"))
		slow.send(connect311[:7])
		for i := range 10 {
			to := r.srv.Addr([]string{"mqtt", "other"}[i%2])
			c := r.handshakeAndUpgrade(r.dialWith(&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 4)}}, to))
			c.send(connect311)
			c.expect(connack311)
		}
		slow.send(connect311[7:])
		slow.expect(connack311)
		if n := r.srv.admitted.Load(); n > places {
			eventually(t, "the end of those that gave way", func() bool { return r.srv.admitted.Load() <= places })
		}
		if n := r.srv.Stats().GaveWay; n < 11 {
			t.Errorf("%d openings gave way to 11 sessions", n)
		}
		r.waitLine("all places are taken, and the client's address has the most unfinished openings")
		for _, c := range flood {
			_ = c.Close()
		}
	})
}

// The listener's own limit is no other: its openings give way, too.
func TestOpeningsGiveWayAtTheListenersLimit(t *testing.T) {
	needLoopbackNetwork(t)
	r := start(t, []string{startNode(t, nil).address()}, func(s *snapshot.Snapshot) { s.Listeners[0].MaxConnections = 5 })
	for range 5 {
		c := r.dialFrom("127.0.0.2")
		c.send(connect311[:4])
	}
	eventually(t, "a full listener", func() bool { return r.srv.openingMemory.size() >= 5*openingSocket })
	r.openFrom("127.0.0.3")
	r.waitOutcome(outcome.RefusedConnections, 1)
}

// Clients that have one unfinished opening each do not drive each other out.
func TestGoodClientsAtTheLimitAreRefusedInTurn(t *testing.T) {
	needLoopbackNetwork(t)
	r := start(t, []string{startNode(t, nil).address()}, func(s *snapshot.Snapshot) { s.MaxConnections = 5 })
	var slow []*client
	for i := range 5 {
		c := r.dialFrom(fmt.Sprintf("127.0.0.%d", 2+i))
		c.send(connect311[:4])
		slow = append(slow, c)
	}
	eventually(t, "a full server", func() bool { return r.srv.openingMemory.size() >= 5*openingSocket })
	for range 5 {
		c := r.dialFrom("127.0.0.9")
		c.send(connect311)
		c.expect([]byte("\x20\x02\x00\x03"))
		_ = c.Close()
	}
	for _, c := range slow {
		c.send(connect311[4:])
		c.expect(connack311)
	}
}

// HTTP requests have at most half of the places.
func TestAFloodOfRequestsLeavesHalfOfThePlaces(t *testing.T) {
	r := dashboard(t, func(s *snapshot.Snapshot) { s.MaxConnections = 10 })
	var idle []*client
	for range 5 {
		c := r.dialBare(r.srv.Addr("mqtt"))
		if got := c.get(bufio.NewReader(c), "/page/x"); !strings.HasPrefix(got, "200 ") {
			t.Fatalf("answered %q", got)
		}
		idle = append(idle, c)
	}
	for range 3 {
		c := r.dialBare(r.srv.Addr("mqtt"))
		if got := c.get(bufio.NewReader(c), "/page/x"); !strings.HasPrefix(got, "503 ") || !strings.Contains(got, "5, half of limits.max_connections") {
			t.Errorf("answered %q", got)
		}
		c.rest()
		_ = c.Close()
	}
	if s := r.srv.Stats(); s.WebConnections != 5 || s.WebConnectionsMax != 5 || s.Listeners[0].Answers[503] != 3 {
		t.Errorf("%d of %d connections, %v", s.WebConnections, s.WebConnectionsMax, s.Listeners[0].Answers)
	}
	eventually(t, "the places of those that were refused", func() bool { return r.srv.admitted.Load() == 5 })
	for i := range 5 {
		r.open(fmt.Sprint(i))
	}
	_ = idle[0].Close()
	eventually(t, "a free place", func() bool { return r.srv.Stats().WebConnections == 4 })
	c := r.dialBare(r.srv.Addr("mqtt"))
	if got := c.get(bufio.NewReader(c), "/page/x"); !strings.HasPrefix(got, "200 ") {
		t.Errorf("answered %q", got)
	}
}
