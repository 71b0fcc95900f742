package match

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"mqttlb/mqttparse"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/tlsterm"
)

func exact(values ...string) *Pattern  { return NewPattern(values, nil, nil, false) }
func prefix(values ...string) *Pattern { return NewPattern(nil, values, nil, false) }
func regex(long bool, expr ...string) *Pattern {
	var all []*regexp.Regexp
	for _, e := range expr {
		all = append(all, regexp.MustCompile(e))
	}
	return NewPattern(nil, nil, all, long)
}

func networks(values ...string) *Networks {
	var all []netip.Prefix
	for _, v := range values {
		all = append(all, netip.MustParsePrefix(v))
	}
	return NewNetworks(all)
}

// client is a client that has everything.
func client() *Facts {
	return &Facts{
		Address: netip.MustParseAddr("192.0.2.7"), ServerName: "a.example.com",
		TLS: &tlsterm.Info{
			ServerName: "a.example.com", Verified: true, CommonName: "device-1", Subject: "CN=device-1,O=Example", IssuerCN: "CA 1",
			DNSNames: []string{"x.example", "device.example"}, Emails: []string{"d@example.com"}, URIs: []string{"urn:device:1"},
		},
		Connect: &mqttparse.Connect{
			Version: mqttparse.V311, CleanStart: true, KeepAlive: 60, ClientID: []byte("test-1"), HasUsername: true, Username: []byte("anna"), Will: true,
		},
	}
}

// changed is a client with one difference.
func changed(change func(*Facts)) *Facts {
	f := client()
	change(f)
	return f
}

func connect(change func(*mqttparse.Connect)) *Facts {
	return changed(func(f *Facts) { change(f.Connect) })
}

func TestEachConditionHoldsOrNot(t *testing.T) {
	silent := changed(func(f *Facts) { f.Connect = nil })
	inClear := changed(func(f *Facts) { f.TLS, f.ServerName = nil, "" })
	unproved := changed(func(f *Facts) { f.TLS = &tlsterm.Info{ServerName: "a.example.com"} })
	nobody := connect(func(c *mqttparse.Connect) { c.HasUsername, c.Username = false, nil })
	noAlive := connect(func(c *mqttparse.Connect) { c.KeepAlive = 0 })
	long := connect(func(c *mqttparse.Connect) { c.ClientID = []byte(strings.Repeat("x", MaxText+1)) })
	for _, row := range []struct {
		name     string
		match    Match
		yes, not []*Facts
	}{
		{"nothing", Match{}, []*Facts{client(), silent, inClear, unproved}, nil},
		{"a network", Match{Networks: networks("192.0.2.0/24", "2001:db8::/32")},
			[]*Facts{client(), silent, changed(func(f *Facts) { f.Address = netip.MustParseAddr("::ffff:192.0.2.9") }), changed(func(f *Facts) { f.Address = netip.MustParseAddr("2001:db8::1%eth0") })},
			[]*Facts{changed(func(f *Facts) { f.Address = netip.MustParseAddr("192.0.3.1") }), changed(func(f *Facts) { f.Address = netip.Addr{} })}},
		{"every IPv6 address", Match{Networks: networks("::/0")}, []*Facts{changed(func(f *Facts) { f.Address = netip.MustParseAddr("fe80::1") })}, []*Facts{client()}},
		{"networks within another", Match{Networks: networks("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32")},
			[]*Facts{changed(func(f *Facts) { f.Address = netip.MustParseAddr("10.200.0.1") }), changed(func(f *Facts) { f.Address = netip.MustParseAddr("10.1.2.4") })}, []*Facts{client()}},
		{"an SNI", Match{ServerName: "*.example.com"}, []*Facts{client(), changed(func(f *Facts) { f.ServerName = "B.EXAMPLE.com." })}, []*Facts{inClear, changed(func(f *Facts) { f.ServerName = "example.com" })}},
		{"an identifier", Match{ClientID: exact("a", "test-1", "z")}, []*Facts{client()}, []*Facts{silent, long, connect(func(c *mqttparse.Connect) { c.ClientID = []byte("test-10") })}},
		{"no identifier", Match{ClientID: exact("")}, []*Facts{connect(func(c *mqttparse.Connect) { c.ClientID = []byte{} })}, []*Facts{client(), silent}},
		{"a prefix", Match{ClientID: prefix("test-", "b")}, []*Facts{client()}, []*Facts{silent, connect(func(c *mqttparse.Connect) { c.ClientID = []byte("test") })}},
		{"an expression", Match{ClientID: regex(false, "z", `t-\d$`)}, []*Facts{client()}, []*Facts{silent, long, connect(func(c *mqttparse.Connect) { c.ClientID = []byte("t-12") })}},
		{"an expression to keep clients out", Match{ClientID: regex(true, `t-\d$`)}, []*Facts{client(), long}, []*Facts{silent}},
		{"a user name", Match{Username: exact("anna")}, []*Facts{client()}, []*Facts{silent, nobody}},
		{"an empty user name", Match{Username: exact("")}, []*Facts{connect(func(c *mqttparse.Connect) { c.Username = []byte{} })}, []*Facts{client(), nobody}},
		{"any user name", Match{Username: regex(false, ".*")}, []*Facts{client()}, []*Facts{nobody}},
		{"with a user name", Match{HasUsername: Yes}, []*Facts{client()}, []*Facts{nobody, silent}},
		{"without a user name", Match{HasUsername: No}, []*Facts{nobody}, []*Facts{client(), silent}},
		{"versions", Match{Versions: Versions(0).With(mqttparse.V31).With(mqttparse.V311)}, []*Facts{client()}, []*Facts{silent, connect(func(c *mqttparse.Connect) { c.Version = mqttparse.V5 })}},
		{"a Keep Alive from", Match{KeepAlive: KeepAlive{Min: 60}}, []*Facts{client(), noAlive}, []*Facts{silent, connect(func(c *mqttparse.Connect) { c.KeepAlive = 59 })}},
		{"a Keep Alive to", Match{KeepAlive: KeepAlive{Max: 60}}, []*Facts{client()}, []*Facts{silent, noAlive, connect(func(c *mqttparse.Connect) { c.KeepAlive = 61 })}},
		{"no Keep Alive", Match{KeepAlive: KeepAlive{Min: 86400}}, []*Facts{noAlive}, []*Facts{client(), connect(func(c *mqttparse.Connect) { c.KeepAlive = 65535 })}},
		{"a Will", Match{Will: Yes}, []*Facts{client()}, []*Facts{silent, connect(func(c *mqttparse.Connect) { c.Will = false })}},
		{"no Will", Match{Will: No}, []*Facts{connect(func(c *mqttparse.Connect) { c.Will = false })}, []*Facts{client(), silent}},
		{"Clean Start", Match{CleanStart: Yes}, []*Facts{client()}, []*Facts{silent, connect(func(c *mqttparse.Connect) { c.CleanStart = false })}},
		{"a session of old", Match{CleanStart: No}, []*Facts{connect(func(c *mqttparse.Connect) { c.CleanStart = false })}, []*Facts{client(), silent}},
		{"a certificate", Match{Certificate: Certificate{Present: Yes}}, []*Facts{client(), silent}, []*Facts{inClear, unproved}},
		{"no certificate", Match{Certificate: Certificate{Present: No}}, []*Facts{inClear, unproved}, []*Facts{client()}},
		{"a Common Name", Match{Certificate: Certificate{CommonName: prefix("device-")}}, []*Facts{client()}, []*Facts{inClear, unproved, changed(func(f *Facts) { f.TLS.CommonName = "device" })}},
		{"a subject", Match{Certificate: Certificate{Subject: regex(false, "O=Example")}}, []*Facts{client()}, []*Facts{inClear, unproved, changed(func(f *Facts) { f.TLS.Subject = "CN=x" })}},
		{"an issuer", Match{Certificate: Certificate{IssuerCN: exact("CA 1")}}, []*Facts{client()}, []*Facts{inClear, unproved, changed(func(f *Facts) { f.TLS.IssuerCN = "CA 2" })}},
		{"a DNS name", Match{Certificate: Certificate{DNSNames: exact("device.example")}}, []*Facts{client()}, []*Facts{inClear, changed(func(f *Facts) { f.TLS.DNSNames = nil })}},
		{"an address of mail", Match{Certificate: Certificate{Emails: exact("d@example.com")}}, []*Facts{client()}, []*Facts{inClear, changed(func(f *Facts) { f.TLS.Emails = nil })}},
		{"a URI", Match{Certificate: Certificate{URIs: prefix("urn:device:")}}, []*Facts{client()}, []*Facts{inClear, changed(func(f *Facts) { f.TLS.URIs = nil })}},
		{"all of several", Match{ClientID: prefix("test-"), Username: exact("anna"), Will: Yes}, []*Facts{client()}, []*Facts{nobody, connect(func(c *mqttparse.Connect) { c.Will = false })}},
	} {
		for i, f := range row.yes {
			if !row.match.Holds(f) {
				t.Errorf("%s does not hold for client %d", row.name, i)
			}
		}
		for i, f := range row.not {
			if row.match.Holds(f) {
				t.Errorf("%s holds for client %d, which it should not", row.name, i)
			}
		}
		if proxytest.RaceDetector {
			continue // with it, the memory of expressions is not always used again
		}
		if allocs := testing.AllocsPerRun(100, func() { row.match.Holds(client4) }); allocs > 0 {
			t.Errorf("%s allocates %v times", row.name, allocs)
		}
	}
}

var client4 = client()
