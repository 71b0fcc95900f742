package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/balancer/dns/dnstest"
	"mqttlb/config"
)

// agreeing is how many identifiers two replicas must agree on.
const agreeing = 100_000

// discoverer is a replica: a plan whose sets are watched, and the plan that follows from them.
type discoverer struct {
	config *config.Config
	plan   *plan
}

// startDiscoverer reads a configuration and watches its sets until the test ends.
func startDiscoverer(t *testing.T, text string) *discoverer {
	t.Helper()
	cfg, err := config.Parse("replica.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	p, err := newPlan(cfg, nil, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	p.sets.Apply(watchesOf(cfg))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { // ends with the test
		defer close(ended)
		p.sets.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return &discoverer{cfg, p}
}

// awaitNodes waits until each pool has these nodes, in the order of their names.
func (d *discoverer) awaitNodes(t *testing.T, want string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		next, err := newPlan(d.config, d.plan, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		all := true
		for _, pool := range next.pools {
			got := ""
			for _, n := range pool.Nodes() {
				got += n.Name + "=" + n.Address + " "
			}
			if all = all && got == want; !all && time.Now().After(deadline) {
				t.Fatalf("pool %s has the nodes %q, want %q", pool.Name, got, want)
			}
		}
		if d.plan = next; all {
			return
		}
		select { // what has changed, or might have
		case <-d.plan.sets.Changed():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// choices returns the node of each identifier in each pool.
func (d *discoverer) choices() (names []string) {
	for _, pool := range d.plan.pools {
		for i := range agreeing {
			c := pool.Candidates(balancer.Client{Key: balancer.Hash(fmt.Appendf(nil, "device-%d", i)), Keyed: true})
			names = append(names, c.Next().Name)
		}
	}
	return names
}

// Two replicas with the same file and the same answers agree on the node of each identifier, before, during and after a
// change of the set. Only the clients of a node that comes or goes move.
func TestReplicasAgreeOnTheNodesOfAllClients(t *testing.T) {
	t.Parallel()
	server := dnstest.Start(t)
	file := filepath.Join(t.TempDir(), "nodes.yaml")
	text := fmt.Sprintf(`
listeners: [{name: mqtt, address: ":1883", pool: dns}]
pools:
  - {name: dns, discover: {dns: h.example, port: 1883}}
  - {name: file, discover: {file: %q}}
resolver: {servers: [%q]}
`, file, server.Addr())
	// set has the server and the file say where pods are.
	set := func(ips map[string]string) (want string) {
		t.Helper()
		var records []string
		nodes := "nodes:\n"
		for i := range 4 {
			name := fmt.Sprintf("emqx-%d.h.example", i)
			ip := ips[name[:6]]
			if ip == "" {
				continue
			}
			records = append(records, "1 A "+ip)
			server.Set(dnstest.Reverse(ip), "1 PTR "+name+".")
			nodes += fmt.Sprintf("- {name: %s, address: \"%s:1883\"}\n", name, ip)
			want += name + "=" + ip + ":1883 "
		}
		if err := replaceFile(file, []byte(nodes)); err != nil {
			t.Fatal(err)
		}
		server.Set("h.example", records...)
		return want
	}
	want := set(map[string]string{"emqx-0": "10.0.0.1", "emqx-1": "10.0.0.2", "emqx-2": "10.0.0.3"})
	a, b := startDiscoverer(t, text), startDiscoverer(t, text)
	agree := func(what string) []string {
		t.Helper()
		a.awaitNodes(t, want)
		b.awaitNodes(t, want)
		of, other := a.choices(), b.choices()
		for i := range of {
			if of[i] != other[i] {
				t.Fatalf("%s: the replicas send client %d to %s and to %s", what, i%agreeing, of[i], other[i])
			}
			if of[i] != of[i%agreeing] {
				t.Fatalf("%s: the pools send client %d to %s and to %s", what, i%agreeing, of[i], of[i%agreeing])
			}
		}
		return of
	}
	first := agree("before")
	stays := func(now []string, what string, but string) {
		t.Helper()
		moved := 0
		for i := range now {
			if now[i] == first[i] {
				continue
			}
			if moved++; now[i] != but && first[i] != but {
				t.Fatalf("%s: client %d has moved from %s to %s", what, i%agreeing, first[i], now[i])
			}
		}
		if (moved > 0) != (but != "") {
			t.Errorf("%s: %d clients have moved", what, moved)
		}
	}
	server.Behave(dnstest.ServFail)
	stays(agree("while the server fails"), "a failure", "")
	server.Behave(dnstest.Answer)
	want = set(map[string]string{"emqx-0": "10.0.0.1", "emqx-1": "10.0.9.9", "emqx-2": "10.0.0.3"})
	stays(agree("with another address"), "another address", "")
	want = set(map[string]string{"emqx-0": "10.0.0.1", "emqx-1": "10.0.9.9"})
	stays(agree("with a node less"), "a node less", "emqx-2.h.example")
	want = set(map[string]string{"emqx-0": "10.0.0.1", "emqx-1": "10.0.9.9", "emqx-2": "10.0.8.8", "emqx-3": "10.0.0.4"})
	stays(agree("with a node more"), "a node more", "emqx-3.h.example")
}
