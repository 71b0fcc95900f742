package config

import (
	"strings"
	"testing"
	"time"
	"unicode"
)

func TestTLSSampleMeansWhatItSays(t *testing.T) {
	got, err := Load("testdata/tls.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tcp := func(host string, port uint16) Address { return Address{Network: "tcp", Host: host, Port: port} }
	both := func(tls TLS) *TLS {
		tls.Certificates, tls.MinVersion, tls.MaxVersion = []Certificate{{Cert: "both.pem"}}, TLS12, TLS13
		tls.Revoked = CloseRevoked
		tls.HandshakeTimeout, tls.MaxHandshakes, tls.MaxHandshakeQueue = 15*time.Second, 64, 10_000
		return &tls
	}
	listener := func(name string, port uint16, protocol Protocol, pool string, tls *TLS) Listener {
		l := Listener{Name: name, Address: tcp("", port), Protocol: protocol, Pool: pool, TLS: tls, ProxyProtocol: ProxyOff, ClientAddress: FromConnection, Reserve: defaultListener.Reserve, Validity: Strict, WebSocketPackets: SinglePackets}
		if protocol == WS {
			l.Path = "/mqtt"
		}
		return l
	}
	pool := func(name string, protocol Protocol, key HashKey, tls *NodeTLS, port uint16) Pool {
		p := Pool{
			Name: name, Protocol: protocol, Algorithm: ConsistentHash, HashKey: key, Outliers: On, ProxyProtocol: ProxyOff, RemovedNodes: DrainRemoved, WhenDown: KeepDown, Takeover: TakeoverOff, DrainRate: 100, Queue: defaultPool.Queue, Readiness: true, TLS: tls, Health: defaultPool.Health,
			Nodes: []Node{{Name: "emqx-1", Address: tcp("node1", port), Weight: 1, ConnectRate: RateOfPool}},
		}
		p.Health.Timeout = defaultProbeTimeout
		if protocol == MQTT {
			p.Confirm = &defaultConfirm
		}
		return p
	}
	want := defaultConfig
	want.Listeners = []Listener{
		listener("mqtts", 8883, MQTT, "by-cn", &TLS{
			Certificates: []Certificate{{"rsa.pem", "rsa.key"}, {"ecdsa.pem", "ecdsa.key"}, {"both.pem", ""}},
			StrictSNI:    true, ClientCA: "ca.pem", ClientCRL: "crl.pem", ClientAuth: ClientAuthRequest, RequireIdentity: IdentityClientID, AcceptExpired: true, Revoked: KeepRevoked,
			MinVersion: TLS12, MaxVersion: TLS12, ALPN: []string{"mqtt", "x-amzn-mqtt-ca"}, TicketKeys: "tickets.txt",
			HandshakeTimeout: 3 * time.Second, MaxHandshakes: 64, MaxHandshakeQueue: 0, HandshakeRate: 500,
		}),
		listener("wss", 8084, WS, "by-sni", both(TLS{
			ClientCA: "ca.pem", ClientAuth: ClientAuthRequire, RequireIdentity: IdentityUsername, ALPN: []string{"http/1.1"},
		})),
		listener("https", 8443, HTTP, "dashboard", both(TLS{
			ClientCA: "ca.pem", ClientAuth: ClientAuthRequire, RequireIdentity: IdentityUsername, ALPN: []string{},
		})),
		listener("opaque", 9001, TCP, "by-cn", both(TLS{ClientAuth: ClientAuthNone})),
		listener("clear", 9002, TCP, "by-cn", nil),
		listener("passthrough", 8884, Passthrough, "raw", nil),
		listener("tenants", 8886, MQTT, "by-cn", both(TLS{ClientCA: "ca.pem", ClientAuth: ClientAuthRequire, ALPN: []string{"mqtt"}})),
		listener("wss-tenants", 8887, WS, "by-cn", both(TLS{ClientCA: "ca.pem", ClientAuth: ClientAuthRequire, ALPN: []string{"http/1.1"}})),
		listener("unrouted", 8885, Passthrough, "raw", nil),
	}
	want.Listeners[2].Routes = []Route{
		{Path: "/mqtt", Protocol: WS, Pool: "by-sni"},
		{Match: Match{SNI: "tenant-a.example.com"}, Path: "/", Protocol: HTTP, Pool: "dashboard"},
	}
	want.Listeners[5].Routes = []Route{
		{Host: "a.example.com", Protocol: Passthrough, Pool: "raw-2"},
		{Host: "*.example.com", Protocol: Passthrough, Pool: "raw-2"},
		{Host: "2001:db8::1", Protocol: Passthrough, Pool: "raw-2"},
		{Host: "*.xn--bcher-kva.example", Protocol: Passthrough, Pool: "raw-2"},
	}
	want.Listeners[6].Routes = []Route{
		{Match: Match{SNI: "tenant-a.example.com"}, Protocol: MQTT, Pool: "by-sni"},
		{Match: Match{SNI: "*.xn--strae-oqa.example"}, Protocol: MQTT, Pool: "by-sni"},
		{Match: Match{SNI: "10.0.0.1"}, Protocol: MQTT, Pool: "by-sni"},
	}
	want.Listeners[7].Routes = []Route{{Match: Match{SNI: "tenant-a.*"}, Protocol: WS, Pool: "by-sni"}}
	want.Pools = []Pool{
		pool("by-cn", MQTT, KeyTLSCN, &NodeTLS{CA: "ca.pem", ServerName: "broker.example.com", Cert: "client.pem", Key: "client.key", Verify: VerifyTrue, MinVersion: TLS12, MaxVersion: TLS13}, 8883),
		pool("by-sni", MQTT, KeySNI, &NodeTLS{Verify: VerifyTrue, MinVersion: TLS12, MaxVersion: TLS13}, 8883),
		pool("dashboard", HTTP, KeySourceIP, &NodeTLS{ServerName: "::1", Cert: "both.pem", Verify: VerifyFalse, MinVersion: TLS12, MaxVersion: TLS13}, 18084),
		pool("raw", TCP, KeySourceIP, nil, 8883),
		pool("raw-2", TCP, KeySourceIP, nil, 8884),
	}
	want.Pools[2].RemoveHeaders = defaultRemoveHeaders
	want.Timeouts.ConnectNode = defaultConnectNode
	if !equal(got, withUpgradeDefaults(&want)) {
		t.Errorf("got:\n%+v\nwant:\n%+v", got, want)
	}
}

func TestDefaultsOfTLSAreNotShared(t *testing.T) {
	file := `
listeners:
  - {name: a, address: ":1", pool: p, tls: &t {certificates: [{cert: c}]}}
  - {name: b, address: ":2", pool: p, tls: *t}
pools: [{name: p, tls: {}, nodes: [{name: n, address: "h:1"}]}]`
	c := parse(t, file)
	c.Listeners[0].TLS.ALPN[0], c.Listeners[0].TLS.MaxHandshakes, c.Pools[0].TLS.Verify = "x", 1, VerifyFalse
	if tls := c.Listeners[1].TLS; tls.ALPN[0] != "mqtt" || tls.MaxHandshakes != 64 {
		t.Errorf("a change to one listener is seen in another: %+v", tls)
	}
	if c := parse(t, file); c.Listeners[0].TLS.ALPN[0] != "mqtt" || c.Pools[0].TLS.Verify != VerifyTrue {
		t.Errorf("a change to one Config is seen in another: %+v, %+v", c.Listeners[0].TLS, c.Pools[0].TLS)
	}
}

// FuzzServerName checks that every accepted server name is one name or one address, and
// is formatted as it was read.
func FuzzServerName(f *testing.F) {
	for _, s := range []string{"Broker.example.com.", "broker..", "*.example.com", "::1", "[::1]", "::ffff:10.0.0.1", "10.0.0.1", "fe80::1%eth0", "h:1", "a_b", "1.2.3", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseServerName(s)
		if err != nil {
			if got != "" || strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Errorf("%q: got %q and %q", s, got, err)
			}
			return
		}
		if _, ok := parseIP(got); !ok && (!isHostName(got) || strings.HasSuffix(got, ".") || got != strings.ToLower(got)) {
			t.Errorf("%q is %q", s, got)
		}
		if again, err := parseServerName(got); err != nil || again != got {
			t.Errorf("%q is %q, read again %q, %v", s, got, again, err)
		}
	})
}
