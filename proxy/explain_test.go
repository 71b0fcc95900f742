package proxy

import (
	"fmt"
	"strings"
	"testing"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/match"
	"mqttlb/proxy/snapshot"
)

// asking asks for the way of an identifier, and with an SNI if it is not empty.
func asking(id, sni string) *Question {
	q := &Question{}
	q.Facts = match.Facts{ServerName: sni, Connect: &mqttparse.Connect{ClientID: []byte(id)}}
	if sni != "" {
		q.Known = snapshot.KnownSNI
	}
	return q
}

// listeners returns the names of the listeners that lead to the pool.
func (r *PoolRoute) listeners() (names []string) {
	for _, w := range r.Ways {
		names = append(names, w.Listener)
	}
	return names
}

// chosen returns the name of the node that Route chooses for an identifier, in its only route.
func (r *rig) chosen(id string) string {
	r.t.Helper()
	routes := r.srv.Route(asking(id, ""))
	if len(routes) != 1 || !routes[0].Keyed || routes[0].Key != balancer.Hash([]byte(id)) || len(routes[0].Choices) != len(r.snap.Listeners[0].Pool.Nodes()) {
		r.t.Fatalf("%s: %+v", id, routes)
	}
	for _, c := range routes[0].Choices {
		if c.Chosen {
			return c.Node.Name
		}
	}
	if !strings.HasPrefix(routes[0].Note, "no node can take the session now") {
		r.t.Errorf("%s: note %q", id, routes[0].Note)
	}
	return ""
}

// What Route says of an identifier is what a client with it gets, whatever the state of the nodes.
func TestRouteSaysWhatAClientGets(t *testing.T) {
	const nodes, clients = 5, 40
	inModesAbreast(t, []mode{mqttToMQTT, wsToMQTT, httpToWS, wssToWSS}, func(t *testing.T, m mode) {
		var addresses []string
		for range nodes {
			addresses = append(addresses, m.startNode(t, nil).address())
		}
		r := m.start(t, addresses)
		r.apply(r.pool(func(spec *balancer.PoolSpec) {
			spec.Nodes[1].Weight = 3
			spec.Nodes[4].MaxConnections = 1
		}))
		compare := func(when string) {
			t.Helper()
			for i := range clients {
				id := fmt.Sprint(when, i)
				want := r.chosen(id)
				c := r.dial()
				c.send(connectAs(id))
				if want == "" {
					c.expect([]byte("\x20\x02\x00\x03"))
					_ = c.Close()
					continue
				}
				c.expect(connack311)
				if list := r.list(FilterSpec{ClientID: id}); len(list) != 1 || list[0].Node != want {
					t.Errorf("%s: Route says %s; the client is %+v", id, want, list)
				}
				if want == "node-e" {
					continue // it stays, and the node is full
				}
				_ = c.Close()
			}
		}
		compare("up")
		if list := r.list(FilterSpec{Node: "node-e"}); len(list) != 1 || !r.node(4).Full() {
			t.Errorf("the full node: %+v", list)
		}
		r.node(0).SetOperator(balancer.Draining)
		compare("draining")
		r.node(1).SetHealth(balancer.Down)
		compare("down")
		r.node(2).SetOperator(balancer.Down)
		r.node(3).SetHealth(balancer.Down)
		compare("full") // node-e alone is up
		r.node(4).SetOperator(balancer.Draining)
		compare("last resort")
		r.node(1).SetOperator(balancer.Draining)
		r.node(3).SetOperator(balancer.Draining)
		compare("none")
	})
}

func TestRouteSaysWhenTheIdentifierDoesNotDecide(t *testing.T) {
	a := startNode(t, nil)
	r := start(t, []string{a.address()}, func(s *snapshot.Snapshot) {
		first := *s.Listeners[0]
		add := func(name string, p snapshot.Protocol, algorithm balancer.Algorithm, key balancer.HashKey) {
			ln := first
			ln.Name, ln.Protocol = name, p
			ln.Pool = &snapshot.Pool{Pool: must(balancer.NewPool(balancer.PoolSpec{Name: name, Algorithm: algorithm, HashKey: key, Nodes: []balancer.NodeSpec{{Name: "n", Address: a.address()}}}))}
			s.Listeners = append(s.Listeners, &ln)
		}
		add("least", snapshot.MQTT, balancer.LeastConnections, 0)
		add("turn", snapshot.MQTT, balancer.RoundRobin, 0)
		add("source", snapshot.MQTT, balancer.SourceIP, 0)
		add("user", snapshot.MQTT, balancer.ConsistentHash, balancer.ByUsername)
		tcp := first
		tcp.Name, tcp.Protocol = "tcp", snapshot.TCP // on the pool of the first
		second := first
		second.Name = "second"
		s.Listeners = append(s.Listeners, &tcp, &second)
	})
	notes := map[string]string{
		"mqtt second": "", "least": "least_connections hashes no field", "turn": "round_robin hashes no field", "source": "the pool hashes source_ip",
		"user": "the pool hashes username", "tcp": "these listeners do not read it",
	}
	routes := r.srv.Route(asking("c1", ""))
	if len(routes) != len(notes) {
		t.Errorf("%d routes: %+v", len(routes), routes)
	}
	for _, route := range routes {
		name := strings.Join(route.listeners(), " ")
		want, known := notes[name]
		if !known || !strings.Contains(route.Note, want) || (want == "") != route.Keyed || len(route.Choices) != 1 || route.Choices[0].Chosen != route.Keyed {
			t.Errorf("listeners %s: %+v", name, route)
		}
	}
	if route := r.srv.Route(asking("", ""))[0]; route.Keyed || !strings.Contains(route.Note, "less loaded of two random nodes") {
		t.Errorf("without an identifier: %+v", route)
	}
	c := r.openAs(r.dial(), mqttparse.V311, "c1", "")
	_ = c.Close()
}
