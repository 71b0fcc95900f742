//go:build linux

package proxy

import (
	"bytes"
	"io"
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
		candidates := r.snap.Listeners[0].Pool.Candidates(balancer.Client{Key: balancer.Hash([]byte(string(c))), Keyed: true, Persistent: true})
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

// A client that leaves gives back its place, and its turn is for others, whatever it has sent with its
// CONNECT, and after it: only a PUBLISH is of use without its client.
func TestAClientThatLeavesTheQueueIsLetGo(t *testing.T) {
	more := []byte("\x82\x06\x00\x01\x00\x01t\x01\xc0\x00\x32\x04\x00") // SUBSCRIBE, PINGREQ and half of a PUBLISH
	inModesAbreast(t, []mode{mqttToMQTT, mqttsToMQTT, wsToWS, wssToMQTT, httpToWS}, func(t *testing.T, m mode) {
		r := m.start(t, []string{m.startNode(t, nil).address()}, ramping(t, longQueue))
		r.open("first")
		ends := uint64(0)
		for name, leave := range map[string]func(*client){
			"reset": (*client).reset,
			"close": func(c *client) { _ = c.Close() },
			"more and close": func(c *client) {
				c.send(more)
				_ = c.Close()
			},
			"much and close": func(c *client) {
				c.send(bytes.Repeat([]byte("\xc0\x00"), earlyBytes/2-100))
				_ = c.Close()
			},
			"a DISCONNECT and half a close": func(c *client) {
				c.send([]byte("\xc0\x00\xe0\x00"))
				_ = tcp(c.Conn).CloseWrite()
			},
		} {
			c := r.joins(persistent("waits"))
			r.waits(0, 1)
			eventually(t, "bytes of a session that waits", func() bool { return r.srv.Stats().OpeningMemory >= openingSize })
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
	inModesAbreast(t, allModes, func(t *testing.T, m mode) {
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

// The turns come in the order in which the sessions came: none of them is dialled before its own, however late
// those before it are.
func TestSessionsAreDialledInTheOrderInWhichTheyCame(t *testing.T) {
	const perSecond = 5
	var came sync.Map // times by identifier
	n := startNode(t, func(c net.Conn) {
		at := time.Now()
		b := make([]byte, 100)
		var connect mqttparse.Connect
		if got, err := c.Read(b); err == nil {
			if _, err := connect.Parse(b[:got], got); err == nil {
				came.Store(string(connect.ClientID), at)
			}
		}
		_, _ = c.Write(connack311)
		_, _ = c.Read(b)
	})
	r := start(t, []string{n.address()}, paced(t, perSecond, longQueue))
	began := time.Now()
	var ids []string
	r.open("first")
	for i := range 10 {
		ids = append(ids, "waits-"+string(rune('a'+i)))
		r.joins(persistent(ids[i]))
		eventually(t, "the session waits", func() (found bool) {
			r.each(func(s *session) { found = found || s.clientID() == ids[i] && s.step != stepOpen })
			return found
		})
	}
	for i, id := range ids {
		eventually(t, id, func() bool { _, there := came.Load(id); return there })
		at, _ := came.Load(id)
		if after, turn := at.(time.Time).Sub(began), time.Duration(i+1)*time.Second/perSecond; after < turn {
			t.Errorf("%s is there after %v, its turn is after %v", id, after, turn)
		}
	}
}

// A listener that does not read the CONNECT has no sessions with state: they wait for any node, also when they have
// sent all they have.
func TestBytesThatAreNotReadWaitForAnyNode(t *testing.T) {
	echo := func(c net.Conn) { _, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c}) } // without the pipe of splice
	r := start(t, []string{startNode(t, echo).address(), startNode(t, echo).address()}, paced(t, 1, longQueue), func(s *snapshot.Snapshot) {
		s.Listeners[0].Protocol = snapshot.TCP
	})
	for range 4 { // two of them wait
		c := r.joins(connect311)
		c.halfClose()
		defer func() {
			if got := c.rest(); string(got) != string(connect311) {
				t.Errorf("the answer is % x", got)
			}
		}()
	}
}
