//go:build linux

package proxy

import (
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// undiscovered takes the nodes of the first pool away, and says whether they are not known yet or there are none.
func (r *rig) undiscovered(unknown bool) setting {
	return func(s *snapshot.Snapshot) {
		p := s.Listeners[0].Pool
		p.Undiscovered = unknown
		p.Pool = rebuilt(r.t, p.Pool, func(spec *balancer.PoolSpec) { spec.Nodes = nil })
	}
}

// waitAwaiting waits until a session waits for nodes that are not known.
func (r *rig) waitAwaiting() {
	r.t.Helper()
	eventually(r.t, "a client that waits", func() (awaits bool) {
		r.each(func(s *session) { awaits = awaits || s.step == stepDial && s.pending != nil && s.pending.walk.Awaits() })
		return awaits
	})
}

// A client that comes before the nodes of its pool are known waits for them. If there are none, it is refused at once.
func TestAClientWaitsForNodesThatAreNotKnownYet(t *testing.T) {
	node := startNode(t, nil)
	r := start(t, []string{node.address()}, func(s *snapshot.Snapshot) { s.Timeouts.ConnectNode = time.Hour })
	r.apply(r.undiscovered(true))
	early := r.dial()
	early.send(connectAs("early"))
	r.waitAwaiting()
	r.apply(func(s *snapshot.Snapshot) {
		s.Listeners[0].Pool.Undiscovered = false
		r.pool(func(spec *balancer.PoolSpec) {
			spec.Nodes = []balancer.NodeSpec{{Name: "node-a", Address: node.address()}}
		})(s)
	})
	early.expect(connack311)

	r.apply(r.undiscovered(true))
	late := r.dial()
	late.send(connectAs("late"))
	r.waitAwaiting()
	r.apply(r.undiscovered(false))
	r.waitOutcome(outcome.NoNode, 1)
}

func TestAClientDoesNotWaitForNodesForEver(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()}, func(s *snapshot.Snapshot) { s.Timeouts.ConnectNode = time.Second })
	r.apply(r.undiscovered(true))
	c := r.dial()
	c.send(connectAs("c"))
	r.waitOutcome(outcome.NoNode, 1)
	r.waitLine(`error="the nodes of the pool are not known yet; timeouts.connect_node is over"`)
}

// Route says why a pool without nodes takes nobody.
func TestRouteTellsNodesThatAreNotKnownFromNone(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()})
	for _, c := range []struct {
		unknown bool
		note    string
	}{
		{true, "the nodes of the pool are not known yet, as its discovery has given no answer: a session waits for them, up to timeouts.connect_node"},
		{false, "the pool has no nodes: the client is refused"},
	} {
		r.apply(r.undiscovered(c.unknown))
		if routes := r.srv.Route(asking("c", "")); len(routes) != 1 || routes[0].Note != c.note {
			t.Errorf("got %+v, want the note %q", routes, c.note)
		}
	}
}
