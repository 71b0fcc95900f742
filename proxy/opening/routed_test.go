package opening

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/match"
	"mqttlb/proxy/snapshot"
)

// routed are listeners whose routes ask for what only the CONNECT or the address says. Pools are called as what they take.
var routed = func() map[string]*snapshot.Listener {
	pool := func(name string, framed bool) *snapshot.Pool {
		p, err := balancer.NewPool(balancer.PoolSpec{Name: name, Nodes: []balancer.NodeSpec{{Name: "n", Address: "127.0.0.1:1"}}})
		if err != nil {
			panic(err)
		}
		return &snapshot.Pool{Pool: p, WebSocket: framed, Path: map[bool]string{true: "/of-" + name}[framed]}
	}
	down := pool("nobody", false)
	down.Nodes()[0].SetHealth(balancer.Down)
	share := balancer.NewShare("canary", 200_000)
	prefix := func(p string) match.Match {
		return match.Match{ClientID: match.NewPattern(nil, []string{p}, nil, false)}
	}
	networks := func(p string) match.Match {
		return match.Match{Networks: match.NewNetworks([]netip.Prefix{netip.MustParsePrefix(p)})}
	}
	routes := func(framed bool) []snapshot.Route {
		return []snapshot.Route{
			{Match: prefix("down-"), Pool: down, Fallback: true},
			{Match: prefix("acme-"), Pool: pool("acme", framed)},
			{Match: match.Match{Versions: match.Versions(0).With(mqttparse.V5)}, SNI: "*.example.com", Pool: pool("v5", false)},
			{Match: networks("192.0.2.7/32"), Pool: pool("office", false)},
			{Share: &share, Pool: pool("canary", framed)},
		}
	}
	upgrades := func(all []snapshot.Route) []snapshot.Route {
		for i := range all {
			all[i].Path, all[i].WebSocket = "/mqtt", true
		}
		return all
	}
	anyone := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
	rest := pool("rest", false)
	hosted := upgrades(append(routes(true), snapshot.Route{Pool: rest}))
	hosted[1].Host, hosted[1].Origins = "other.example", []string{"https://other.example"}
	hosted[4].Origins = []string{"https://app.example"}
	blind := func() []snapshot.Route {
		return []snapshot.Route{{SNI: "a.example.com", Match: networks("192.0.2.7/32"), Pool: pool("office", false)}, {Share: &share, Pool: pool("canary", false)}}
	}
	tcp := blind()[1:]
	tcp = append([]snapshot.Route{{Match: networks("192.0.2.7/32"), Pool: pool("office", false)}}, tcp...)
	over := &snapshot.TLS{}
	return map[string]*snapshot.Listener{
		"mqtt by client":            {Protocol: snapshot.MQTT, Pool: rest, Routes: routes(false), AcceptProxy: true, Trusted: anyone},
		"mqtts by client":           {Protocol: snapshot.MQTT, Pool: rest, Routes: append([]snapshot.Route{{SNI: "n", Match: prefix("acme-"), Pool: pool("named-acme", false)}}, routes(false)...), TLS: over},
		"ws by client":              {Protocol: snapshot.WS, Pool: rest, Routes: upgrades(append(routes(true), snapshot.Route{Pool: rest})), AcceptProxy: true, Trusted: anyone},
		"http by client":            {Protocol: snapshot.HTTP, Routes: append(hosted, snapshot.Route{Pool: rest}), AcceptProxy: true, Trusted: anyone},
		"ws by forwarded address":   {Protocol: snapshot.WS, Pool: rest, Routes: upgrades(append(routes(true), snapshot.Route{Pool: rest})), ForwardedFor: true, Trusted: anyone[:1]},
		"tcp by address":            {Protocol: snapshot.TCP, Pool: rest, Routes: tcp, AcceptProxy: true, Trusted: anyone},
		"passed through by address": {Protocol: snapshot.Passthrough, Pool: rest, Routes: blind(), AcceptProxy: true, Trusted: anyone},
	}
}()

func init() {
	for name, ln := range routed {
		stages[name] = ln
	}
}

// as returns the CONNECT of version 4 or 5 with an identifier.
func as(version byte, id string) string {
	properties := ""
	if version == 5 {
		properties = "\x00"
	}
	body := fmt.Sprintf("\x00\x04MQTT%c\x02\x00\x3c%s\x00%c%s", version, properties, len(id), id)
	return fmt.Sprintf("\x10%c%s", len(body), body)
}

// inOrOut returns an identifier that is in the share of the canary, or one that is not.
func inOrOut(prefix string, in bool) string {
	share := balancer.NewShare("canary", 200_000)
	for i := 0; ; i++ {
		if id := fmt.Sprintf("%s%d", prefix, i); share.Takes(balancer.Hash([]byte(id))) == in {
			return id
		}
	}
}

// routedRows are clients of these listeners. The address 192.0.2.1 of the peer is out of the share, 192.0.2.7 in the office.
func routedRows(tb testing.TB) []row {
	office, stranger := proxyV1, strings.Replace(proxyV1, "192.0.2.7", "203.0.113.1", 1)
	in, out := inOrOut("c", true), inOrOut("c", false)
	upgrade, named, other := upgradeRequest(), hello(tb, "a.example.com"), hello(tb, "b.example.com")
	all := []row{
		{name: "a prefix", stage: "mqtt by client", before: stranger + as(4, "acme-1"), verdict: "dial acme by"},
		{name: "no prefix", stage: "mqtt by client", before: stranger + as(4, out), verdict: "dial rest"},
		{name: "a version without the name", stage: "mqtt by client", before: stranger + as(5, out), verdict: "dial rest"},
		{name: "an address", stage: "mqtt by client", before: office + as(4, out), verdict: "dial office"},
		{name: "an address and a prefix", stage: "mqtt by client", before: office + as(4, "acme-1"), verdict: "dial acme"},
		{name: "in the share", stage: "mqtt by client", before: stranger + as(4, in), verdict: "dial canary"},
		{name: "no node is up", stage: "mqtt by client", before: office + as(4, "down-1"), verdict: "dial office"},

		{name: "a name and a prefix", stage: "mqtts by client", before: named, after: as(4, "acme-1"), verdict: "dial named-acme"},
		{name: "a name alone", stage: "mqtts by client", before: named, after: as(4, out), verdict: "dial rest"},

		{name: "a prefix in frames", stage: "ws by client", before: stranger + upgrade, after: masked(0x82, as(4, "acme-1")), verdict: "dial acme"},
		{name: "a version in frames", stage: "ws by client", before: stranger + upgrade, after: masked(0x82, as(5, out)), verdict: "dial rest"},
		{name: "an address in frames", stage: "ws by client", before: office + upgrade, after: masked(0x82, as(5, out)), verdict: "dial office"},
		{name: "in the share in frames", stage: "ws by client", before: stranger + upgrade, after: masked(0x82, as(5, in)), verdict: "dial canary"},
		{name: "no node is up in frames", stage: "ws by client", before: office + upgrade, after: masked(0x82, as(5, "down-1")), verdict: "dial office"},
		{name: "a forwarded address", stage: "ws by forwarded address", before: upgradeRequest("+X-Forwarded-For: 192.0.2.7"), after: masked(0x82, as(5, out)), verdict: "dial office"},

		{name: "another host", stage: "http by client", before: stranger + upgrade, after: masked(0x82, as(4, inOrOut("acme-", false))), verdict: "dial rest"},
		{name: "the host of a prefix", stage: "http by client", before: stranger + upgradeRequest("Host: other.example"), after: masked(0x82, as(4, "acme-1")), verdict: "dial acme"},
		{name: "a page of one route", stage: "http by client", before: stranger + upgradeRequest("+Origin: https://app.example"), after: masked(0x82, as(4, in)), verdict: "dial canary"},
		{name: "a page of no route", stage: "http by client", before: stranger + upgradeRequest("+Origin: https://evil.example"), after: masked(0x82, as(4, out)), verdict: "http, and"},
		{name: "a page of one route, and not of another", stage: "http by client", before: stranger + upgradeRequest("Host: other.example", "+Origin: https://app.example"), after: masked(0x82, as(4, out)), verdict: "http, and"},

		{name: "the office without MQTT", stage: "tcp by address", before: office, after: "\x00", verdict: "dial office"},
		{name: "a stranger without MQTT", stage: "tcp by address", before: stranger, after: "\x00", verdict: "dial rest"},
		{name: "the office passed through", stage: "passed through by address", before: office + named, verdict: "dial office"},
		{name: "the office with another name", stage: "passed through by address", before: office + other, verdict: "dial rest"},
		{name: "a stranger passed through", stage: "passed through by address", before: stranger + named, verdict: "dial rest"},
	}
	return all
}

// A node that speaks WebSocket gets the upgrade of the pool that the CONNECT has chosen.
func TestTheNodeGetsTheUpgradeOfItsOwnPool(t *testing.T) {
	var sc Scratch
	o := New(rules, stages["ws by client"], peer)
	o.stage = atBeginning // the peer is a proxy, which has said nothing
	for _, sent := range []string{"", upgradeRequest(), masked(0x82, as(4, "acme-1"))} {
		o.Feed([]byte(sent), &sc)
	}
	if o.Size() == 0 {
		t.Error("the upgrade that is kept until the CONNECT comes is not counted")
	}
	if v := o.Feed(nil, &sc); v.Kind != Dial || v.Pool.Name != "acme" || o.NodeRequest() == nil || o.NodeRequest().Path != "/of-acme" {
		t.Errorf("kind %d, request %+v", v.Kind, o.NodeRequest())
	}
}

func BenchmarkConnectThatNoRouteTakes(b *testing.B) {
	for _, n := range []int{0, 1, 100, 1000} {
		for kind, m := range map[string]func(i int) snapshot.Route{
			"prefix": func(i int) snapshot.Route {
				return snapshot.Route{Match: match.Match{ClientID: match.NewPattern(nil, []string{fmt.Sprintf("tenant-%d-", i)}, nil, false)}}
			},
			"sni": func(i int) snapshot.Route { return snapshot.Route{SNI: fmt.Sprintf("tenant-%d.example.com", i)} },
		} {
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				ln := &snapshot.Listener{Protocol: snapshot.MQTT, Pool: stages["mqtt"].Pool}
				for i := range n {
					r := m(i)
					r.Pool = ln.Pool
					ln.Routes = append(ln.Routes, r)
				}
				ln.IndexRoutes()
				facts := match.Facts{ServerName: "broker.example.com", Connect: &mqttparse.Connect{ClientID: []byte("tenant-x-17")}}
				b.ReportAllocs()
				for b.Loop() {
					if ln.ConnectionRoute(facts) != nil {
						b.Fatal("a route takes the client")
					}
				}
			})
		}
	}
}
