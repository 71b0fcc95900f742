package admin

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"mqttlb/balancer"
	"mqttlb/balancer/discovery"
	"mqttlb/balancer/dns"
	"mqttlb/balancer/health"
	"mqttlb/balancer/nodeset"
	"mqttlb/mqttparse"
	"mqttlb/proxy"
	"mqttlb/proxy/admin/api"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// fixed is a collector whose server has these counts.
type fixed struct {
	collector
	stats proxy.Stats
}

func (f *fixed) Collect(ch chan<- prometheus.Metric) { f.collect(scrape(ch), &f.stats) }

// everything returns a collector of a mqttlb in which everything has happened.
func everything(t *testing.T) *fixed {
	t.Helper()
	pool := poolOverTLS(t)
	node := pool.Nodes()[0]
	at := time.Unix(1_700_000_000, 0)
	files := []tlsterm.CertificateStatus{
		{Kind: tlsterm.KindCertificate, File: "server.pem", NotAfter: at},
		{Kind: tlsterm.KindCertificate, File: "server.pem", NotAfter: at}, // named twice
		{Kind: tlsterm.KindTicketKeys, File: "tickets", Err: errors.New("torn")},
	}
	times := proxy.Histogram{Bounds: []float64{0.5, 1}, Counts: []uint64{1, 2, 3}, Sum: 9}
	f := &fixed{}
	f.stats = proxy.Stats{
		MaxConnections: 100, KeptBytes: 1, OpeningMemory: 2, OpeningMemoryLimit: 3,
		Rebalances: map[string]proxy.RebalanceProgress{"p": {Active: true, Left: 3, PerSecond: 4, TotalFound: 5, TotalMoved: 6}, "q": {PerSecond: 7}},
		Loops:      []proxy.LoopStats{{Turns: 6, TurnTime: times, Lag: times}},
		Listeners: []proxy.ListenerStats{{
			Name: "mqtts", Open: 1, Accepted: 3, Outcomes: [outcome.Count]uint64{outcome.ClientClosed: 1, outcome.NotMQTT: 1},
			Tolerant: true, Tolerated: [mqttparse.NumRules]uint64{mqttparse.ClientIDNull: 9},
			Answers: map[int]uint64{404: 2}, TLS: true, Certificates: files, Handshake: times,
			Handshakes: tlsterm.GateCounts{Running: 1, Waiting: 2, Refused: 3, Done: 4, Failed: 5, Agreed: map[tlsterm.Agreed]uint64{
				{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", Resumed: true}: 4,
			}},
		}},
		Rules: []proxy.RuleStats{{Listener: "mqtts", Rule: "no-test", Deny: true, Matched: 3}, {Listener: "mqtts", Rule: "never"}},
		Flows: []proxy.FlowStats{{
			Listener: "mqtts", Pool: "p", Node: "a", Open: 1, Total: 2, Received: 3, Sent: 4, DialErrors: 5, PassedOver: 6, Retries: [proxy.RetryReasons]uint64{proxy.RetryReset: 7}, Unanswered: [proxy.RetryReasons]uint64{proxy.RetryReset: 8, proxy.RetryOther: 9}, OpenByVersion: [4]int64{0, 0, 0, 1},
			Packets:  [2]proxy.PacketStats{{Packets: 10, Publish: [3]uint64{1, 2, 3}}, {Packets: 20, Publish: [3]uint64{4, 5, 6}}},
			Connacks: map[uint8]uint64{0x84: 1}, Disconnects: map[uint8]uint64{0x8E: 2},
			Times: proxy.Times{TimeToConnack: times, Dial: times, Duration: times},
		}},
	}
	f.Sources = Sources{
		Pools: func() []*snapshot.Pool { return []*snapshot.Pool{pool} },
		Health: func() map[string][]health.Status {
			return map[string][]health.Status{"p": {{Node: node, State: balancer.Up, Since: at, Last: at, Took: time.Second, Passed: 2, Failed: 1, Addresses: []health.AddressStatus{
				{Addr: netip.MustParseAddrPort("10.0.0.1:1883"), State: balancer.Up}, {Addr: netip.MustParseAddrPort("10.0.0.2:1883"), State: balancer.Down},
			}}}}
		},
		Discovery: func() []nodeset.Status {
			return []nodeset.Status{{
				Source: nodeset.Source{Pool: "p", Kind: nodeset.SRV}, Set: nodeset.Set{Known: true, Nodes: make([]nodeset.Node, 3)},
				LastGood: at, Changes: 2, Failures: 5, Err: errors.New("refused"), Empty: at,
			}}
		},
		Nodes: func() []api.Node {
			return []api.Node{{
				Name: "a", Operator: api.NodeOperator{State: api.Draining}, Drain: &api.Drain{Left: 1, Leaving: 2, PerSecond: 3},
				Pools: []api.NodeInPool{{Pool: "p", ConfiguredWeight: 4}},
			}}
		},
		Names: func() Names {
			return Names{
				Lookups: dns.Counts{Answered: 5, Empty: 6, Failed: 7},
				Hosts: []discovery.Status{
					{Host: "good.example", Addrs: []netip.Addr{netip.IPv6Loopback(), netip.IPv6Unspecified()}, GoodAt: time.Now()},
					{Host: "bad.example", BadSince: time.Now().Add(-time.Hour)},
				},
			}
		},
		Reloads:      func() Reloads { return Reloads{Done: 1, Last: at} },
		LinesDropped: func() Lines { return Lines{Process: 7} },
		Version:      "v1",
	}
	return f
}

// poolOverTLS returns a pool whose node has had one TLS handshake.
func poolOverTLS(t *testing.T) *snapshot.Pool {
	t.Helper()
	ca := proxytest.NewCA("ca")
	config := &tls.Config{Certificates: []tls.Certificate{ca.Issue("node.example").TLS}}
	addr := proxytest.Serve(t, "127.0.0.1:0", func(c *net.TCPConn) { _ = tls.Server(c, config).Handshake() })
	b, err := balancer.NewPool(balancer.PoolSpec{Name: "p", Nodes: []balancer.NodeSpec{{Name: "a", Address: addr, MaxConnections: 10, ConnectRate: 20}}})
	if err != nil {
		t.Fatal(err)
	}
	o, err := tlsterm.NewOriginator(tlsterm.NodeOptions{
		Hosts: map[string]string{"a": "node.example"}, CA: proxytest.TempFile(t, "ca.pem", ca.Cert),
	})
	if err != nil {
		t.Fatal(err)
	}
	pool := &snapshot.Pool{Pool: b, TLS: snapshot.NewNodeTLS(o, b.Nodes())}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	gate := pool.TLS.Gates["a"]
	if err := gate.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	session, err := o.Connect(t.Context(), conn, "a")
	gate.Leave(session, err)
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

// families gathers a collector's metrics: their types and labels, spelled as in the catalogue.
func families(t *testing.T, from prometheus.Collector) map[string]metric {
	t.Helper()
	gathered, err := newRegistry(from).Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]metric{}
	for _, f := range gathered {
		m := metric{name: f.GetName(), kind: strings.ToLower(f.GetType().String())}
		for _, l := range f.GetMetric()[0].GetLabel() {
			m.labels = append(m.labels, l.GetName())
		}
		all[m.name] = m
	}
	return all
}

func TestEveryMetricHasItsTypeAndLabels(t *testing.T) {
	got := families(t, everything(t))
	for _, m := range catalogue {
		f, ok := got[m.name]
		if !ok {
			t.Errorf("%s has no value when everything has happened", m.name)
			continue
		}
		if f.kind != m.kind || !slices.Equal(f.labels, slices.Sorted(slices.Values(m.labels))) {
			t.Errorf("%s is a %s with %v, declared is a %s with %v", m.name, f.kind, f.labels, m.kind, m.labels)
		}
	}
}

// The rules of Prometheus for names, units, types and help texts, which promtool checks too.
func TestMetricsKeepTheConventions(t *testing.T) {
	gathered, err := newRegistry(everything(t)).Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(gathered).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// A label that is not UTF-8, as a file's name can be, is an error and no panic.
func TestALabelThatIsNotTextFailsTheScrape(t *testing.T) {
	f := everything(t)
	f.stats.Listeners[0].Certificates[0].File = "\xff"
	if _, err := newRegistry(f).Gather(); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("error %v", err)
	}
}
