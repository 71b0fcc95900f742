package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestHTTPSampleMeansWhatItSays(t *testing.T) {
	got, err := Load("testdata/http.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tcp := func(host string, port uint16) Address { return Address{Network: "tcp", Host: host, Port: port} }
	nodes := func(port uint16) []Node {
		return []Node{{Name: "emqx-1", Address: tcp("node1", port), Weight: 1, ConnectRate: RateOfPool}}
	}
	health := func(h Health) Health {
		h.Interval, h.Timeout, h.Rise, h.Fall = 5*time.Second, 2*time.Second, 2, 3
		return h
	}
	want := defaultConfig
	want.Limits.MaxHeaderSize, want.Limits.MaxRequestSize = 8<<10, 0
	want.Limits.MinBodyRate = 1000
	want.Timeouts.Response, want.Timeouts.KeepAlive = 90*time.Second, 5*time.Second
	want.Timeouts.RequestBody, want.Timeouts.Tunnel = 10*time.Second, 0
	want.Listeners = []Listener{
		{
			Name: "ws", Address: tcp("", 8083), Protocol: WS, Pool: "emqx-ws", Path: "/mqtt", ProxyProtocol: ProxyOff, ClientAddress: FromConnection, Validity: Strict, WebSocketPackets: SinglePackets,
			AllowedHosts:   []string{"ws.example.com", "*.example.net", "ws.*", "::1"},
			AllowedOrigins: []string{"https://app.example.com", "https://*.example.com:8443", "capacitor://localhost"},
		},
		{Name: "sidecar", Address: tcp("", 8084), Protocol: WS, Pool: "emqx", Path: "/mqtt", ProxyProtocol: ProxyOff, ClientAddress: FromConnection, Validity: Strict, WebSocketPackets: SinglePackets},
		{
			Name: "mini", Address: tcp("", 8085), Protocol: WS, Pool: "rabbit", Paths: []string{"/mqtt", "/mqtt/", "/", "/ws/*"}, Subprotocol: SubprotocolOptional, ProxyProtocol: ProxyOff, ClientAddress: FromConnection, Validity: Strict, WebSocketPackets: SinglePackets,
			AllowedOrigins: []string{"null", "file://", "app://.", "chrome-extension://abcdef"},
		},
		{
			Name: "web", Address: tcp("", 18083), Protocol: HTTP, Pool: "dashboard", AllowedHosts: []string{"*.example.com", "ws.*", "127.0.0.1"}, Routes: []Route{
				{Host: "ws.*", Path: "/mqtt", Protocol: WS, Pool: "emqx-ws", AllowedOrigins: []string{"https://app.example.com"}},
				{Host: "mqtt.example.com", Path: "/mqtt", Protocol: WS, Pool: "emqx"},
				{Paths: []string{"/live/*", "/mqtt"}, Protocol: WS, Subprotocol: SubprotocolOptional, Pool: "rabbit"},
				{Path: "/api/", Protocol: HTTP, Pool: "management"},
				{Host: "api.example.com", Path: "/", Protocol: HTTP, Pool: "management"},
			},
			ProxyProtocol: ProxyAccept, ClientAddress: FromConnection, Validity: Strict, WebSocketPackets: SinglePackets, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, MaxConnections: 100,
		},
	}
	for i := range want.Listeners {
		want.Listeners[i].Reserve, want.Listeners[i].ClientAddress = defaultListener.Reserve, FromConnection
	}
	want.Pools = []Pool{
		{
			Name: "emqx", Protocol: MQTT, Algorithm: ConsistentHash, HashKey: KeyClientID, Outliers: On, ProxyProtocol: ProxyOff, RemovedNodes: DrainRemoved, WhenDown: KeepDown, Takeover: TakeoverOff, DrainRate: 100, Queue: defaultPool.Queue, Confirm: &defaultConfirm, Readiness: true, Nodes: nodes(1883),
			Health: health(Health{Probe: []Probe{ProbeHTTP}, Method: "GET", Path: "/status?format=json", Port: 18083}),
		},
		{
			Name: "emqx-ws", Protocol: WS, Algorithm: ConsistentHash, HashKey: KeyClientID, Outliers: On, ProxyProtocol: ProxyOff, RemovedNodes: DrainRemoved, WhenDown: KeepDown, Takeover: TakeoverOff, DrainRate: 100, Queue: defaultPool.Queue, Confirm: &defaultConfirm, Readiness: true, Nodes: nodes(8083),
			ForwardHeaders: []string{"Origin", "Cookie", "X-Request-Id"},
			Health:         health(Health{Probe: []Probe{ProbeNone}}),
		},
		{
			Name: "rabbit", Protocol: WS, Path: "/ws", Algorithm: ConsistentHash, HashKey: KeyClientID, Outliers: On, ProxyProtocol: ProxyOff, RemovedNodes: DrainRemoved, WhenDown: KeepDown, Takeover: TakeoverOff, DrainRate: 100, Queue: defaultPool.Queue, Confirm: &defaultConfirm, Readiness: true,
			Nodes:          []Node{{Name: "rabbit-1", Address: tcp("node1", 15675), Weight: 1, ConnectRate: RateOfPool}},
			ForwardHeaders: []string{"Origin", "Cookie", "User-Agent"},
			Health:         health(Health{Probe: []Probe{ProbeTCP}}),
		},
		{
			Name: "quiet-ws", Protocol: WS, Algorithm: ConsistentHash, HashKey: KeyClientID, Outliers: On, ProxyProtocol: ProxyOff, RemovedNodes: DrainRemoved, WhenDown: KeepDown, Takeover: TakeoverOff, DrainRate: 100, Queue: defaultPool.Queue, Confirm: &defaultConfirm, Readiness: true, Nodes: nodes(8083),
			ForwardHeaders: []string{},
			Health:         health(Health{Probe: []Probe{ProbeHTTP}, Method: "GET", Path: "/"}),
		},
		{
			Name: "dashboard", Protocol: HTTP, RemoveHeaders: defaultRemoveHeaders, Algorithm: ConsistentHash, HashKey: KeyCookie, Cookie: "mqttlb", Outliers: On, ProxyProtocol: ProxyOff, RemovedNodes: DrainRemoved, WhenDown: KeepDown, Takeover: TakeoverOff, DrainRate: 100, Queue: defaultPool.Queue, Readiness: true, Nodes: nodes(18083),
			Health: health(Health{Probe: []Probe{ProbeHTTP}, Method: "HEAD", Path: "/status", Host: "status.example.com", Status: 204, Port: 8081}),
		},
		{
			Name: "management", Protocol: HTTP, RemoveHeaders: defaultRemoveHeaders, Algorithm: ConsistentHash, HashKey: KeyCookie, Cookie: "affinity", Outliers: On, ProxyProtocol: ProxyOff, RemovedNodes: DrainRemoved, WhenDown: KeepDown, Takeover: TakeoverOff, DrainRate: 100, Queue: defaultPool.Queue, Readiness: true, Nodes: nodes(8081),
			Health: health(Health{Probe: []Probe{ProbeTCP}}),
		},
	}
	management := &want.Pools[len(want.Pools)-1]
	management.RemoveHeaders, management.Nodes[0].HealthPort = []string{"X-Mine", "Proxy"}, 8082
	management.Health = health(Health{Probe: []Probe{ProbeHTTP}, Method: "GET", Path: "/"})
	want.Timeouts.ConnectNode = defaultConnectNode
	if !equal(got, withUpgradeDefaults(&want)) {
		t.Errorf("got:\n%+v\nwant:\n%+v", got, want)
	}
}

func TestDefaultHeadersAreNotShared(t *testing.T) {
	file := `
listeners: [{name: a, address: ":1", protocol: ws, pool: p}]
pools: [{name: p, protocol: ws, nodes: [{name: n, address: "h:1"}]}]`
	parse(t, file).Pools[0].ForwardHeaders[0] = "X"
	if got := parse(t, file).Pools[0].ForwardHeaders; !slices.Equal(got, []string{"Origin", "Cookie", "User-Agent"}) {
		t.Errorf("a change to one Config is seen in another: %v", got)
	}
}

func TestTooManyRoutesAreRefused(t *testing.T) {
	file := func(n int) string {
		var b strings.Builder
		b.WriteString("listeners:\n  - name: a\n    address: ':1'\n    protocol: http\n    pool: p\n    routes:\n")
		for i := range n {
			fmt.Fprintf(&b, "      - {path: /%d, pool: p}\n", i)
		}
		return b.String() + "pools: [{name: p, protocol: http, nodes: [{name: n, address: 'h:1'}]}]\n"
	}
	if _, err := Parse("f", []byte(file(maxRoutes))); err != nil {
		t.Errorf("%d routes are refused: %v", maxRoutes, err)
	}
	_, err := Parse("f", []byte(file(maxRoutes+10)))
	if err == nil || strings.Count(err.Error(), "one route too many") != 1 ||
		!strings.Contains(err.Error(), "f:1007:9: listeners[0].routes[1000]: is one route too many; a listener has at most 1000") {
		t.Errorf("%d routes: %v", maxRoutes+10, err)
	}
}

func TestHostPatternCoversWhatItTakes(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "a.example.com", true},
		{"", "*.example.com", true},
		{"a.example.com", "", false},
		{"a.example.com", "a.example.com", true},
		{"a.example.com", "b.example.com", false},
		{"*.example.com", "a.example.com", true},
		{"*.example.com", "a.b.example.com", true},
		{"*.example.com", "example.com", false},
		{"*.example.com", "badexample.com", false},
		{"*.example.com", "*.b.example.com", true},
		{"*.b.example.com", "*.example.com", false},
		{"*.com", "com.*", false},
		{"ws.*", "ws.example.com", true},
		{"ws.*", "ws.example.*", true},
		{"ws.example.*", "ws.*", false},
		{"ws.*", "wss.example.com", false},
		{"ws.*", "ws", false},
		{"ws.*", "*.example.com", false},
		{"*.example.com", "ws.*", false},
	} {
		if got := hostCovers(c.a, c.b); got != c.want {
			t.Errorf("%q covers %q: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

func TestPathsThatMatchNoRequestAreErrors(t *testing.T) {
	for _, path := range []string{"/a//b", "/a/./b", "/a/..", "/../a", `/a\b`, "/a%zz", "/a%"} {
		if _, err := parsePath(path); err == nil {
			t.Errorf("%s is accepted", path)
		}
	}
	for _, path := range []string{"/", "/a/", "/a.b/..c", "/a%20b", "/a%2Fb;c"} {
		if _, err := parsePath(path); err != nil {
			t.Error(err)
		}
	}
}
