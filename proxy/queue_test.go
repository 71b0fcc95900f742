//go:build linux

package proxy

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// paced gives all nodes of the first listener's pool a rate and a queue.
func paced(t *testing.T, perSecond int, q balancer.Queue) setting {
	return func(s *snapshot.Snapshot) {
		p := s.Listeners[0].Pool
		p.Pool = rebuilt(t, p.Pool, func(spec *balancer.PoolSpec) {
			spec.Queue = q
			for i := range spec.Nodes {
				spec.Nodes[i].ConnectRate = perSecond
			}
		})
	}
}

// ramping gives them one session in ten seconds for a while, with the first now.
func ramping(t *testing.T, q balancer.Queue) setting {
	return func(s *snapshot.Snapshot) {
		paced(t, 1, q)(s)
		p := s.Listeners[0].Pool
		p.Pool = rebuilt(t, p.Pool, func(spec *balancer.PoolSpec) { spec.SlowStart, spec.Queue = time.Hour, q })
		for _, n := range p.Nodes() {
			n.SetHealth(balancer.Down)
			n.SetHealth(balancer.Up)
		}
	}
}

// longQueue has room for every session of a test.
var longQueue = balancer.Queue{Size: 1000, Time: time.Hour}

// persistent returns a CONNECT of 3.1.1 with the identifier, whose session the node keeps.
func persistent(id string) []byte {
	b := connectAs(id)
	b[9] = 0
	return b
}

// idOf returns an identifier whose first candidate is a node of the pool.
func (r *rig) idOf(node int) string {
	for c := 'a'; ; c++ {
		candidates := r.snap.Listeners[0].Pool.Candidates(balancer.Hash([]byte(string(c))), true)
		if candidates.Next() == r.node(node) {
			return string(c)
		}
	}
}

// waits waits until n sessions are in the queue of a node.
func (r *rig) waits(node int, n int64) {
	r.t.Helper()
	eventually(r.t, "sessions that wait", func() bool { return r.node(node).Waiting() == n })
}

// joins sends a CONNECT, whose session has to wait.
func (r *rig) joins(connect []byte) *client {
	r.t.Helper()
	c := r.dial()
	c.send(connect)
	return c
}

// One that has no state on a node goes to the next candidate. One that has waits for its own, and goes to the
// next only if its own is not up any more.
func TestAPersistentSessionWaitsForItsOwnNode(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		a, b := m.startNode(t, nil), m.startNode(t, nil)
		r := m.start(t, []string{a.address(), b.address()}, ramping(t, longQueue))
		id := r.idOf(0)
		r.open(id)
		r.open(id) // takes the one session of the other node
		if a, b := r.node(0).Open(), r.node(1).Open(); a != 1 || b != 1 {
			t.Errorf("%d and %d sessions, want one each", a, b)
		}
		c := r.joins(persistent(id))
		r.waits(0, 1)
		if n := r.node(0).Open(); n != 2 {
			t.Errorf("%d sessions count on the node, want the one that waits, too", n)
		}
		r.wantAgreement("while one waits", 3)
		r.node(0).SetHealth(balancer.Down)
		r.waits(1, 1)
		r.waits(0, 0)
		r.apply(paced(t, 0, longQueue)) // for those that come later
		r.open("later")
		r.waits(1, 1)
		c.reset()
	})
}

// A session does not wait for a node that a reload has removed.
func TestARemovedNodeIsNotWaitedFor(t *testing.T) {
	a, b := startNode(t, nil), startNode(t, nil)
	r := start(t, []string{a.address(), b.address()}, ramping(t, longQueue))
	id := r.idOf(0)
	r.open(id)
	c := r.joins(persistent(id))
	r.waits(0, 1)
	r.apply(r.on("", b.address()))
	c.expect(connack311)
	if n := len(b.firstWrites()); n != 1 {
		t.Errorf("%d sessions on the node that is left, want 1", n)
	}
	r.wantAgreement("after the reload", -1)
}

func TestASessionWaitsForTheNodeThatHasRoomFirst(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address(), startNode(t, nil).address()}, ramping(t, longQueue))
	id := r.idOf(0)
	r.open(id)
	r.open(id)
	for i := range 3 { // the other node has two that wait
		r.joins(persistent(r.idOf(1)))
		r.waits(1, int64(i+1))
	}
	for i := range 3 {
		r.joins(connectAs(r.idOf(1)))
		r.waits(0, int64(i+1))
	}
}

// A client that leaves gives back its place, and its turn is for others.
func TestAClientThatLeavesTheQueueIsLetGo(t *testing.T) {
	inModesAbreast(t, []mode{mqttToMQTT, mqttsToMQTT, wsToWS, wssToMQTT}, func(t *testing.T, m mode) {
		r := m.start(t, []string{m.startNode(t, nil).address()}, ramping(t, longQueue))
		r.open("first")
		ends := uint64(0)
		for name, leave := range map[string]func(*client){
			"reset": (*client).reset,
			"close": func(c *client) { _ = c.Close() },
		} {
			if m.clientWS() && name != "reset" {
				continue // what a frame has after the CONNECT is not known
			}
			c := r.joins(persistent("waits"))
			r.waits(0, 1)
			if n := r.srv.Stats().OpeningMemory; n < openingSize {
				t.Errorf("%s: a session that waits counts %d bytes", name, n)
			}
			leave(c)
			ends++
			r.waitOutcome(outcome.ClientGone, ends)
			r.waits(0, 0)
			if n := r.srv.Stats().OpeningMemory; n != 0 {
				t.Errorf("%s: %d bytes are left", name, n)
			}
		}
		r.wantAgreement("after they left", 1)
	})
}

// Some clients say all they have to say, and close. Nothing of it is lost.
func TestAClientThatHasSentMoreThanItsConnectKeepsItsTurn(t *testing.T) {
	inModesAbreast(t, []mode{mqttToMQTT, mqttsToMQTT}, func(t *testing.T, m mode) {
		got := make(chan string, 1)
		n := m.startNode(t, func(c net.Conn) {
			var all []byte
			b := make([]byte, 100)
			for !strings.HasSuffix(string(all), "\xe0\x00") {
				n, err := c.Read(b)
				if err != nil {
					break
				}
				all = append(all, b[:n]...)
			}
			got <- string(all)
		})
		r := m.start(t, []string{n.address()}, paced(t, 1, longQueue))
		for range 2 { // the second one waits
			c := r.joins(append(persistent("c1"), "\x30\x04\x00\x01t!\xe0\x00"...))
			c.halfClose()
			if all, want := <-got, string(persistent("c1"))+"\x30\x04\x00\x01t!\xe0\x00"; all != want {
				t.Errorf("the node got %q, want %q", all, want)
			}
		}
	})
}

// Those that wait hold memory; a flood of them must not take all of it.
func TestSessionsThatWaitCountInTheOpeningMemory(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()}, ramping(t, longQueue), func(s *snapshot.Snapshot) { s.OpeningMemory = 3 * openingSize })
	r.open("first")
	for range 5 {
		r.joins(persistent("waits"))
	}
	r.waitOutcome(outcome.RefusedOpening, 3)
	r.waits(0, 2)
}

// The turns come in the order in which the sessions came.
func TestSessionsAreDialledInTheOrderInWhichTheyCame(t *testing.T) {
	var n *node
	var ids sync.Map // by the address of the connection
	n = startNode(t, func(c net.Conn) {
		b := make([]byte, 100)
		var connect mqttparse.Connect
		if got, err := c.Read(b); err == nil {
			if _, err := connect.Parse(b[:got], got); err == nil {
				ids.Store(c.RemoteAddr().String(), string(connect.ClientID))
			}
		}
		_, _ = c.Write(connack311)
		_, _ = c.Read(b)
	})
	r := start(t, []string{n.address()}, paced(t, 5, longQueue)) // two ticks from one to the next
	type arrival struct {
		id   string
		loop int
	}
	var came []arrival
	r.open("first")
	for i := range 10 {
		id := "waits-" + string(rune('a'+i))
		r.joins(persistent(id))
		eventually(t, "the session waits", func() bool {
			for _, l := range r.srv.engine.loops {
				if ask(l, func() (found bool) {
					l.eachSession(func(s *session) {
						found = found || s.clientID() == id && s.step != stepOpen
					})
					return found
				}) {
					came = append(came, arrival{id, l.number})
					return true
				}
			}
			return false
		})
	}
	place := map[string]int{}
	eventually(t, "all are there", func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		for i, c := range n.conns { // in the order of their accept
			if id, known := ids.Load(c.RemoteAddr().String()); known {
				place[id.(string)] = i
			}
		}
		return len(place) == 11
	})
	for i, a := range came {
		for _, b := range came[:i] {
			if a.loop == b.loop && place[a.id] < place[b.id] { // two loops may be late by different times
				t.Errorf("%s is there before %s", a.id, b.id)
			}
		}
	}
}
