package main_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mqttlb/balancer/dns/dnstest"
)

// A DNS server changes, fails, refuses and empties. The node has the last good answer, until the grace of empty answers ends.
func TestNodesHaveTheLastGoodAnswerOfADNSServer(t *testing.T) {
	t.Parallel()
	const name = "broker.example"
	broker := startMosquitto(t, "a")
	_, port, _ := net.SplitHostPort(broker.addr)
	server := dnstest.Start(t)
	server.Set(name, "1 A 127.0.0.1")
	r := newReloadee(t, `      - {name: a, address: "`+name+":"+port+"\"}\n")
	r.more = fmt.Sprintf("resolver: {servers: [%q], timeout: 3s, empty_grace: 1h}\n", server.Addr())
	r.put(t)
	r.run(t)
	joins := func(when string) {
		t.Helper()
		c := join(t, r.addrs["mqtt"], "", 5, "device")
		if err := c.ping(); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		c.disconnect(t)
	}
	inForce := func() float64 { return r.metrics(t).sum(t, "mqttlb_name_addresses", `name="`+name+`"`) }
	asked := func(n int) { // again, and again: what was asked first is handled
		t.Helper()
		if err := server.Await(t.Context(), "A "+name, server.Asked("A "+name)+n); err != nil {
			t.Fatal(err)
		}
	}
	joins("at the start")

	server.Set(name, "1 A 127.0.0.1", "1 AAAA ::1")
	r.waitFor(t, "host name has other addresses", `"addresses":["127.0.0.1","::1"]`, `"before":["127.0.0.1"]`)
	if n := inForce(); n != 2 {
		t.Errorf("%v addresses are in force", n)
	}
	server.Set(name, "1 A 127.0.0.1")
	r.waitFor(t, "host name has other addresses", `"addresses":["127.0.0.1"]`)
	for _, c := range []struct {
		behavior dnstest.Behavior
		says     string
	}{
		{dnstest.ServFail, "SERVFAIL"}, {dnstest.Refuse, "REFUSED"}, {dnstest.NXDomain, "the answer is empty"}, {dnstest.Empty, "the answer is empty"},
	} {
		const bad, good = "host name does not resolve", "host name resolves again"
		before, again := len(r.said(bad)), len(r.said(good))
		server.Behave(c.behavior)
		lines := r.waitForN(t, before+1, bad, `"host":"`+name+`"`, `"kept":1`)
		if last := lines[before]; !strings.Contains(last, c.says) {
			t.Errorf("%s, want %s", last, c.says)
		}
		joins(c.says)
		if m := r.metrics(t); m.sum(t, "mqttlb_name_unresolved_seconds") == 0 || m.sum(t, "mqttlb_name_addresses") != 1 {
			t.Error("the metrics do not show it")
		}
		server.Behave(dnstest.Answer)
		r.waitForN(t, again+1, good)
	}

	// Without a grace an empty answer counts at once. Other servers are asked at once.
	r.more = fmt.Sprintf("resolver: {servers: [%q], empty_grace: 0s}\n", server.Addr())
	r.put(t)
	r.mustReload(t)
	server.Set(name)
	r.waitFor(t, "host name has no addresses any more", `"before":["127.0.0.1"]`)
	if n := inForce(); n != 0 {
		t.Errorf("%v addresses are in force", n)
	}
	asked(4) // the next questions come after 2, 4 and 8 s
	other := dnstest.Start(t)
	other.Set(name, "300 A 127.0.0.1")
	r.more = fmt.Sprintf("resolver: {servers: [%q]}\n", other.Addr())
	r.put(t)
	again := len(r.said("host name resolves again"))
	r.mustReload(t)
	r.waitForN(t, again+1, "host name resolves again")
	joins("with another server")
}

func TestCheckHasANoteAboutNamesThatDoNotResolve(t *testing.T) {
	t.Parallel()
	server := dnstest.Start(t)
	server.Set("a.example", "1 A 192.0.2.1")
	server.Behave(dnstest.Refuse, "A b.example")
	check := func(nodes string) (string, int) {
		file := filepath.Join(t.TempDir(), "mqttlb.yaml")
		text := fmt.Sprintf("listeners: [{name: mqtt, address: \":1883\", pool: brokers}]\npools: [{name: brokers, nodes: [%s]}]\nresolver: {servers: [%q]}\n", nodes, server.Addr())
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return mqttlb(t, "check", "--strict", file)
	}
	if out, code := check(`{name: a, address: "a.example:1883"}, {name: b, address: "127.0.0.1:1884"}`); code != 0 || strings.Contains(out, "note") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	out, code := check(`{name: a, address: "a.example:1883"}, {name: b, address: "b.example:1883"}, {name: c, address: "c.example:1883"}`)
	want := fmt.Sprintf("mqttlb.yaml: note: host names of nodes that do not resolve on this machine: b.example, c.example (b.example: DNS server %v, A: it says REFUSED)\n", server.Addr())
	if code != 0 || !strings.Contains(out, want) {
		t.Errorf("exit code %d\n%s\nwant %s", code, out, want)
	}
	server.Behave(dnstest.Silent)
	if out, code := check(`{name: a, address: "a.example:1883"}`); code != 0 || !strings.Contains(out, "a.example (no answer within 1s)") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}
