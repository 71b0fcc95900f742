package main

import (
	"fmt"
	"path/filepath"
	"testing"

	"mqttlb/balancer"
	"mqttlb/balancer/dns/dnstest"
)

// Two replicas agree on the nodes of service records and of a file with the same priorities and weights, while the first nodes are
// up and while they are down.
func TestReplicasAgreeOnPriorities(t *testing.T) {
	t.Parallel()
	server := dnstest.Start(t)
	file := filepath.Join(t.TempDir(), "nodes.yaml")
	text := fmt.Sprintf(`
listeners: [{name: mqtt, address: ":1883", pool: srv}]
pools:
  - {name: srv, discover: {srv: _mqtt._tcp.h.example}}
  - {name: file, discover: {file: %q}}
resolver: {servers: [%q]}
`, file, server.Addr())
	for i := range 5 {
		server.Set(fmt.Sprintf("n%d.h.example", i), fmt.Sprintf("300 A 10.0.0.%d", i+1))
	}
	type node struct{ number, priority, srvWeight, weight int }
	set := func(nodes ...node) (want string) {
		t.Helper()
		var records []string
		list := "nodes:\n"
		for _, n := range nodes {
			name := fmt.Sprintf("n%d.h.example", n.number)
			records = append(records, fmt.Sprintf("1 SRV %d %d 1883 %s.", n.priority, n.srvWeight, name))
			list += fmt.Sprintf("- {name: %s, address: \"%[1]s:1883\", priority: %d, weight: %d}\n", name, n.priority, n.weight)
			want += name + "=" + name + ":1883 "
		}
		if err := replaceFile(file, []byte(list)); err != nil {
			t.Fatal(err)
		}
		server.Set("_mqtt._tcp.h.example", records...)
		return want
	}
	n0, n1, n2, n3, n4 := node{0, 10, 1000, 85}, node{1, 10, 3000, 256}, node{2, 10, 3000, 256}, node{3, 20, 3000, 256}, node{4, 20, 3000, 256}
	want := set(n0, n1, n3)
	a, b := startDiscoverer(t, text), startDiscoverer(t, text)
	agree := func(when string, health map[string]balancer.State) (counts map[string]int, of []string) {
		t.Helper()
		for _, d := range []*discoverer{a, b} {
			d.awaitNodes(t, want)
			for _, pool := range d.plan.pools {
				for _, n := range pool.Nodes() {
					n.SetHealth(health[n.Name])
				}
			}
		}
		of, other := a.choices(), b.choices()
		counts = map[string]int{}
		for i := range of {
			if of[i] != other[i] || of[i] != of[i%agreeing] {
				t.Fatalf("%s: client %d is sent to %s, %s, and %s", when, i%agreeing, of[i], other[i], of[i%agreeing])
			}
			if i < agreeing {
				counts[of[i]]++
			}
		}
		return counts, of[:agreeing]
	}
	only := func(counts map[string]int, names ...int) {
		t.Helper()
		for _, n := range names {
			if counts[fmt.Sprintf("n%d.h.example", n)] == 0 {
				t.Errorf("n%d has no client: %v", n, counts)
			}
		}
		if len(counts) != len(names) {
			t.Errorf("%v, want clients on %v alone", counts, names)
		}
	}
	up := map[string]balancer.State{}
	before, first := agree("before", up)
	only(before, 0, 1)

	down := map[string]balancer.State{"n0.h.example": balancer.Down, "n1.h.example": balancer.Down}
	counts, _ := agree("with the first ones down", down)
	only(counts, 3)

	server.Behave(dnstest.ServFail)
	counts, _ = agree("while the server fails", up)
	only(counts, 0, 1)
	server.Behave(dnstest.Answer)

	want = set(n0, n1, n2, n3, n4)
	counts, now := agree("with a node more of each priority", up)
	only(counts, 0, 1, 2)
	for i := range now {
		if now[i] != first[i] && now[i] != "n2.h.example" {
			t.Fatalf("client %d has moved from %s to %s", i, first[i], now[i])
		}
	}
	down["n2.h.example"] = balancer.Down
	counts, _ = agree("with all of the first ones down", down)
	only(counts, 3, 4)

	want = set(n3, n4)
	counts, _ = agree("without the first ones", up)
	only(counts, 3, 4)
}
