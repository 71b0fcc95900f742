package proxy

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// takesOver turns takeover on or off in all pools.
func takesOver(on bool) setting {
	return func(s *snapshot.Snapshot) {
		for _, p := range s.Pools() {
			p.TakeOver = on
		}
	}
}

// leads has only one of the pool's nodes up.
func (r *rig) leads(to int) {
	for i, n := range r.snap.Listeners[0].Pool.Nodes() {
		n.SetHealth(pick(i == to, balancer.Up, balancer.Down))
	}
}

// twoNodes is a pool of two nodes with takeover, whose clients come to the first one.
func twoNodes(t *testing.T, settings ...setting) *rig {
	t.Helper()
	r := start(t, []string{startNode(t, nil).address(), startNode(t, nil).address()}, append(settings, takesOver(true))...)
	r.leads(0)
	return r
}

// goesOn checks that the client still has its session.
func goesOn(c *client) {
	c.t.Helper()
	c.send([]byte("bytes"))
	c.expect([]byte("bytes"))
}

// tookOver checks that the client's session has ended because of another one, which goes on.
func (r *rig) tookOver(t *testing.T, old, by *client, total uint64) {
	t.Helper()
	if rest := old.rest(); len(rest) > 0 {
		t.Errorf("the client of the old session got % x", rest)
	}
	_ = old.Close()
	r.waitOutcome(outcome.TakenOver, total)
	goesOn(by)
}

func TestAClientThatComesToAnotherNodeLosesItsOldSession(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := startLeaving(t, m, takesOver(true))
		r.apply(r.on(r.node(0).Address, r.node(0).Address))
		for v := range connects {
			r.leads(0)
			old, oldNode := r.open(v)
			r.leads(1)
			client, node := r.open(v)
			if got, want := old.hear(), m.toClient(pick(v == mqttparse.V5, "e0 02 8e 00", ""), 1008); !slices.Equal(got, want) {
				t.Errorf("version %v: the client heard %q, want %q", v, got, want)
			}
			if got, want := oldNode.hear(), m.toNode(); !slices.Equal(got, want) {
				t.Errorf("version %v: the node heard %q, want %q", v, got, want)
			}
			_, _ = oldNode.Close(), old.Close()
			eventually(t, "the end of the old session", func() bool { return r.srv.open() == 1 })
			node.say([]byte("bytes"))
			client.expect([]byte("bytes"))
			_, _ = node.Close(), client.Close()
			eventually(t, "the end of the new session", func() bool { return r.srv.open() == 0 })
		}
		r.waitOutcome(outcome.TakenOver, uint64(len(connects)))
		r.waitLine("outcome=taken_over error=\"the client has connected again, to another node: pools[].takeover is local\"")
	})
}

func TestSessionsThatAreNotTakenOver(t *testing.T) {
	long := strings.Repeat("x", loggedID)
	for _, c := range []struct {
		name     string
		old, new []byte
		set      setting
		sameNode bool
	}{
		{name: "off", set: takesOver(false)},
		{name: "the broker's own", sameNode: true},
		{name: "another identifier", new: connectAs("c2")},
		{name: "no identifier", old: connectAs(""), new: connectAs("")},
		{name: "identifiers that may differ behind what is kept", old: connectOf(mqttparse.V311, long+"1", ""), new: connectOf(mqttparse.V311, long+"2", "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := pick(c.set == nil, func(*snapshot.Snapshot) {}, func(s *snapshot.Snapshot) { c.set(s) })
			r := twoNodes(t)
			r.apply(set)
			come := func(connect []byte) *client {
				client := r.dial()
				client.send(pick(connect == nil, connectAs("c1"), connect))
				client.expect(connack311)
				return client
			}
			old := come(c.old)
			if !c.sameNode {
				r.leads(1)
			}
			client := come(c.new)
			goesOn(old)
			goesOn(client)
			if n := r.outcomes(outcome.TakenOver); n != 0 {
				t.Errorf("%d sessions taken over", n)
			}
		})
	}
}

// A stranger who knows an identifier must not end the session of its client.
func TestAClientThatItsNodeRefusesTakesNothingOver(t *testing.T) {
	refuses := startNode(t, func(c net.Conn) {
		_, _ = io.ReadFull(c, make([]byte, len(connectAs("c1"))))
		_, _ = c.Write([]byte{0x20, 2, 0, 5})
		_, _ = io.Copy(io.Discard, c)
	})
	r := start(t, []string{startNode(t, nil).address(), refuses.address()}, takesOver(true))
	r.leads(0)
	old := r.open("c1")
	r.leads(1)
	stranger := r.dial()
	stranger.send(connectAs("c1"))
	stranger.expect([]byte{0x20, 2, 0, 5})
	_ = stranger.Close()
	eventually(t, "the end of the stranger", func() bool { return r.srv.open() == 1 })
	goesOn(old)
}

// Tenants may have clients of the same identifier. Pools with nodes of the same names have the same brokers.
func TestPoolsOfTheSameBrokersShareTheirClients(t *testing.T) {
	for _, shared := range []bool{true, false} {
		t.Run(fmt.Sprint("shared ", shared), func(t *testing.T) {
			r := twoNodes(t)
			other := startNode(t, nil)
			r.apply(func(s *snapshot.Snapshot) {
				names := pick(shared, [2]string{"node-a", "node-z"}, [2]string{"node-y", "node-z"})
				pool, err := balancer.NewPool(balancer.PoolSpec{Name: "other", Nodes: []balancer.NodeSpec{
					{Name: names[0], Address: refusing}, {Name: names[1], Address: other.address()}}})
				if err != nil {
					t.Fatal(err)
				}
				pool.Nodes()[0].SetHealth(balancer.Down)
				s.Listeners = append(s.Listeners, &snapshot.Listener{Name: "second", Network: "tcp", Address: "127.0.0.1:0", Pool: &snapshot.Pool{Pool: pool, TakeOver: true}})
			})
			old := r.open("c1")
			client := r.dialTo(r.srv.Addr("second"))
			client.send(connectAs("c1"))
			client.expect(connack311)
			if shared {
				r.tookOver(t, old, client, 1)
				return
			}
			goesOn(old)
			third := r.dialTo(r.srv.Addr("second")) // both are known, and the second one's node takes it over
			third.send(connectAs("c1"))
			third.expect(connack311)
			r.leads(1)
			r.tookOver(t, old, r.open("c1"), 1)
			goesOn(third)
		})
	}
}

func TestEachSessionIsTakenOverByTheNext(t *testing.T) {
	r := twoNodes(t)
	old := r.open("c1")
	for i := range uint64(5) {
		r.leads(int(i+1) % 2)
		next := r.open("c1")
		r.tookOver(t, old, next, i+1)
		old = next
	}
	_ = old.Close()
	eventually(t, "the end", func() bool { return r.srv.open() == 0 })
	if n := r.srv.owners.count.Load(); n != 0 {
		t.Errorf("%d sessions own an identifier after the end", n)
	}
}

// Sessions keep what they have: the one that came before takeover was turned on is not known, and one that came before it
// was turned off gives up its identifier.
func TestTakeoverIsTurnedOnAndOff(t *testing.T) {
	r := twoNodes(t)
	r.apply(takesOver(false))
	unknown := r.open("c1")
	r.apply(takesOver(true))
	r.leads(1)
	known := r.open("c1")
	goesOn(unknown)
	r.apply(takesOver(false))
	r.leads(0)
	third := r.open("c1")
	goesOn(known)
	r.apply(takesOver(true))
	r.tookOver(t, known, r.open("c1"), 1)
	goesOn(third)
}

// Whoever comes first, one session owns the identifier, and none when all have ended.
func TestClientsThatComeAtOnceTakeEachOtherOver(t *testing.T) {
	const clients = 40
	r := twoNodes(t)
	first := r.open("c1")
	var coming sync.WaitGroup
	for i := range clients {
		if i == clients/2 {
			r.leads(1)
		}
		coming.Go(func() {
			c := r.dial()
			_, _ = c.Write(connectAs("c1"))
			_, _ = io.Copy(io.Discard, c) // until it is taken over or kicked
			_ = c.Close()
		})
	}
	eventually(t, "all to have come", func() bool {
		taken, connected := r.outcomes(outcome.TakenOver), uint64(0)
		for _, f := range r.srv.Stats().Flows {
			connected += f.Connacks[0]
		}
		return connected == clients+1 && taken > 0
	})
	if n := r.srv.owners.count.Load(); n != 1 {
		t.Errorf("%d sessions own the identifier", n)
	}
	r.kick(FilterSpec{}, 0)
	coming.Wait()
	_ = first.Close()
	eventually(t, "the end", func() bool { return r.srv.open() == 0 })
	if n := r.srv.owners.count.Load(); n != 0 {
		t.Errorf("%d sessions own an identifier after the end", n)
	}
}
