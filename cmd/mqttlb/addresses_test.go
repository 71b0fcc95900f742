package main

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"mqttlb/balancer/health"
	"mqttlb/proxy"
	"mqttlb/proxy/proxytest"
)

const namedNode = `
listeners: [{name: a, address: ":1883", pool: p}]
pools:
  - name: p
    nodes: [{name: n1, address: "broker.example:1"}]
`

// The node is up at one of its addresses. What is shown of the other one comes from real probes.
func TestAddressesOfANodeAreShown(t *testing.T) {
	alive := proxytest.Serve(t, "127.0.0.1:0", func(c *net.TCPConn) { _, _ = c.Read(make([]byte, 1)) })
	const dead = "127.0.0.1:1"
	r := startRig(t, namedNode)
	p := r.plan()
	n := p.pools[0].Nodes()[0]
	n.SetAddrs([]netip.AddrPort{netip.MustParseAddrPort(dead), netip.MustParseAddrPort(alive)})
	p.checkers["p"].Apply(p.pools[0].Pool, health.Check{Probe: health.TCP, Interval: 100 * time.Millisecond, Timeout: 10 * time.Second, Rise: 1, Fall: 2})
	ctx, cancel := context.WithCancel(t.Context())
	var probing sync.WaitGroup
	probing.Go(func() { p.checkers["p"].Run(ctx) }) // ends with ctx
	defer probing.Wait()
	defer cancel()
	c := &control{server: &server{}, manager: r.manager}
	c.server.plan.Store(p)
	eventuallyHere(t, "the alarm", func() bool {
		for _, a := range c.alarms(&proxy.Stats{MaxConnections: 1}) {
			if a.Name == "node_address_down" {
				return a.Subject == "p/n1" && a.Since != nil && strings.HasPrefix(a.Text, dead+": ") && strings.Contains(a.Text, "refused")
			}
		}
		return false
	})
	in := r.nodes().Nodes[0].Pools[0]
	if in.Health != "up" || in.Reason != "" || len(in.Addresses) != 2 {
		t.Fatalf("%+v", in)
	}
	good, bad := in.Addresses[0], in.Addresses[1] // in the order in which they are dialled
	if good.Address != alive || good.Health != "up" || good.ProbeSeconds <= 0 || good.Reason != "" {
		t.Errorf("%+v", good)
	}
	if bad.Address != dead || bad.Health != "down" || bad.Since == nil || !strings.Contains(bad.Reason, "refused") {
		t.Errorf("%+v", bad)
	}
	if log := r.said(t); strings.Count(log, "an address of a node is down") != 1 || strings.Contains(log, `"node is down"`) {
		t.Errorf("log:\n%s", log)
	}
}
