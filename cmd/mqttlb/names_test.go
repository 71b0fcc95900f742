package main

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/balancer/discovery"
	"mqttlb/balancer/dns"
	"mqttlb/balancer/dns/dnstest"
	"mqttlb/balancer/nodeset"
)

func TestAlarmSaysWhichNameHasNotResolvedForLongAndWhatIsInForce(t *testing.T) {
	server := dnstest.Start(t)
	server.Set("was.example", "1 A 127.0.0.1", "1 AAAA ::1")
	server.Set("good.example", "1 A 127.0.0.1")
	pool, err := balancer.NewPool(balancer.PoolSpec{Nodes: []balancer.NodeSpec{
		{Name: "a", Address: "was.example:1883"}, {Name: "b", Address: "was.example:1884"},
		{Name: "c", Address: "never.example:1883"}, {Name: "d", Address: "good.example:1883"}, {Name: "e", Address: "127.0.0.1:1883"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	stub := dns.NewStub(dns.Settings{Servers: []netip.AddrPort{server.Addr()}})
	p := &plan{stub: stub, names: discovery.New(stub, slog.New(slog.DiscardHandler)), sets: nodeset.New(stub, slog.New(slog.DiscardHandler))}
	p.names.Apply(pool.Nodes())
	p.names.Resolve(t.Context())
	server.Behave(dnstest.Refuse, "was.example")
	p.names.Resolve(t.Context())

	if soon := p.nameAlarms(time.Now()); len(soon) != 0 {
		t.Errorf("at once: %+v", soon)
	}
	late := p.nameAlarms(time.Now().Add(unresolvedAlarm))
	if len(late) != 2 {
		t.Fatalf("got %+v", late)
	}
	for i, want := range []struct{ subject, begins, has, ends string }{
		{"never.example", "node c: no address, and so no new sessions: never.example ", "", "the answer is empty"},
		{"was.example", "nodes a, b: the last good answer, of ", " is in force (127.0.0.1, ::1): ", fmt.Sprintf("was.example: DNS server %v, A: it says REFUSED", server.Addr())},
	} {
		a := late[i]
		if a.Name != "name_unresolved" || a.Subject != want.subject || a.Since == nil ||
			!strings.HasPrefix(a.Text, want.begins) || !strings.Contains(a.Text, want.has) || !strings.HasSuffix(a.Text, want.ends) {
			t.Errorf("got %+v, want %+v", a, want)
		}
	}
}

// A change of a set, and an operator behind it, does not wait for servers that are silent.
func TestOnlyAReloadWaitsForServersThatAreSilent(t *testing.T) {
	t.Parallel()
	server := dnstest.Start(t)
	server.Behave(dnstest.Silent)
	text := fmt.Sprintf("listeners: [{name: mqtt, address: 127.0.0.1:0, pool: p}]\n"+
		"pools: [{name: p, nodes: [{name: a, address: silent.example:1883}]}]\nresolver: {servers: [%q], timeout: 3s}\n", server.Addr())
	for again, most := range map[bool]time.Duration{true: 5 * time.Second, false: 20 * time.Second} {
		d := startDiscoverer(t, text)
		d.plan.again = again
		begun := time.Now()
		d.plan.resolveNew(t.Context())
		if took := time.Since(begun); took > most || !again && took < 5*time.Second {
			t.Errorf("again %v: it took %v", again, took)
		}
		if d.plan.nodes()[0].LookedUp() {
			t.Error("clients do not wait for an answer")
		}
	}
}
