package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"net/netip"
	"net/url"
	"regexp"
	"testing"
	"time"

	"mqttlb/mqttparse"
	"mqttlb/proxy/match"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// device is a client as rules see it.
type device struct {
	id, username string // without a user name: "-"
	keepAlive    uint16
	will, keeps  bool // keeps: Clean Start is 0
	sni          string
	show         proxytest.Pair // of mqtts; the zero Pair: none
}

func (d device) connect(v mqttparse.Version) []byte {
	text := func(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }
	var flags byte
	payload := text(d.id)
	if v == mqttparse.V5 {
		payload = append([]byte{0}, payload...) // no properties
	}
	if d.will {
		flags |= 0x04
		if v == mqttparse.V5 {
			payload = append(payload, 0)
		}
		payload = append(payload, "\x00\x01t\x00\x01p"...)
	}
	if d.username != "-" {
		flags |= 0x80
		payload = append(payload, text(d.username)...)
	}
	if !d.keeps {
		flags |= 0x02
	}
	name := "MQTT"
	if v == mqttparse.V31 {
		name = "MQIsdp"
	}
	b := append(text(name), byte(v), flags)
	b = append(binary.BigEndian.AppendUint16(b, d.keepAlive), payload...)
	return append([]byte{0x10, byte(len(b))}, b...)
}

func exactly(s ...string) *match.Pattern    { return match.NewPattern(s, nil, nil, true) }
func textPrefix(s ...string) *match.Pattern { return match.NewPattern(nil, s, nil, true) }
func regex(s string) *match.Pattern {
	return match.NewPattern(nil, nil, []*regexp.Regexp{regexp.MustCompile(s)}, true)
}

func networksOf(s ...string) *match.Networks {
	var all []netip.Prefix
	for _, p := range s {
		all = append(all, netip.MustParsePrefix(p))
	}
	return match.NewNetworks(all)
}

// rule is a rule with its conditions.
type rule struct {
	snapshot.Rule
	match.Match
}

// deny returns a rule with the code banned.
func deny(name string, m match.Match) rule {
	return rule{snapshot.Rule{Name: name, Deny: true, Code: mqttparse.Banned}, m}
}

// ruledBy sets the rules of the first listener.
func ruledBy(rules ...rule) setting {
	return func(s *snapshot.Snapshot) {
		all, conditions := make([]snapshot.Rule, len(rules)), make([]match.Match, len(rules))
		for i, r := range rules {
			all[i], conditions[i] = r.Rule, r.Match
		}
		s.Listeners[0].Rules = snapshot.Rules{snapshot.NewRuleList(all, conditions)}
	}
}

// matched returns how often a rule has decided.
func (r *rig) matched(name string) uint64 {
	for _, s := range r.srv.Rules() {
		if s.Rule == name {
			return s.Matched
		}
	}
	r.t.Fatalf("there is no rule %s", name)
	return 0
}

// conditionRows has for each condition a client that meets it and one that does not.
func conditionRows(t *testing.T) []struct {
	name      string
	match     match.Match
	yes, not  device
	overTLS   bool
	ofVersion mqttparse.Version
} {
	pair := func(c x509.Certificate, names ...string) proxytest.Pair { return testCA().IssueLike(c, names...) }
	urn, err := url.Parse("urn:device:1")
	if err != nil {
		t.Fatal(err)
	}
	plain, other := device{id: "a", username: "anna", keepAlive: 60}, device{id: "b", username: "bert", keepAlive: 60}
	with := func(change func(*device)) device {
		d := plain
		change(&d)
		return d
	}
	shows := func(p proxytest.Pair) device { return with(func(d *device) { d.show = p }) }
	named, unnamed := pair(x509.Certificate{EmailAddresses: []string{"d@example.com"}, URIs: []*url.URL{urn}}, "device-1"), pair(x509.Certificate{}, "device-2")
	cert := func(c match.Certificate) match.Match { return match.Match{Certificate: c} }
	return []struct {
		name      string
		match     match.Match
		yes, not  device
		overTLS   bool
		ofVersion mqttparse.Version
	}{
		{name: "client_id", match: match.Match{ClientID: exactly("a")}, yes: plain, not: other},
		{name: "prefix", match: match.Match{ClientID: textPrefix("test-", "prod-")}, yes: with(func(d *device) { d.id = "prod-1" }), not: plain},
		{name: "regex", match: match.Match{ClientID: regex("^x[0-9]+$")}, yes: with(func(d *device) { d.id = "x12" }), not: with(func(d *device) { d.id = "x12a" })},
		{name: "username", match: match.Match{Username: exactly("anna")}, yes: plain, not: other},
		{name: "username_present", match: match.Match{HasUsername: match.No}, yes: with(func(d *device) { d.username = "-" }), not: plain},
		{name: "keep_alive", match: match.Match{KeepAlive: match.KeepAlive{Max: 9}}, yes: with(func(d *device) { d.keepAlive = 9 }), not: with(func(d *device) { d.keepAlive = 0 })},
		{name: "will", match: match.Match{Will: match.Yes}, yes: with(func(d *device) { d.will = true }), not: plain},
		{name: "clean_start", match: match.Match{CleanStart: match.No}, yes: with(func(d *device) { d.keeps = true }), not: plain},
		{name: "cidr", match: match.Match{Networks: networksOf("10.0.0.0/8", "127.0.0.0/8")}, yes: plain},
		{name: "another cidr", match: match.Match{Networks: networksOf("10.0.0.0/8", "127.0.0.2/32")}, not: plain},
		{name: "version 3.1", match: match.Match{Versions: match.Versions(0).With(mqttparse.V31)}, yes: plain, not: plain, ofVersion: mqttparse.V31},
		{name: "version 3.1.1", match: match.Match{Versions: match.Versions(0).With(mqttparse.V311)}, yes: plain, not: plain, ofVersion: mqttparse.V311},
		{name: "version 5", match: match.Match{Versions: match.Versions(0).With(mqttparse.V5)}, yes: plain, not: plain, ofVersion: mqttparse.V5},
		{name: "sni", match: match.Match{ServerName: "broker.*"}, yes: plain, not: with(func(d *device) { d.sni = "127.0.0.1" }), overTLS: true},
		{name: "certificate", match: cert(match.Certificate{Present: match.Yes}), yes: shows(named), not: plain, overTLS: true},
		{name: "no certificate", match: cert(match.Certificate{Present: match.No}), yes: plain, not: shows(named), overTLS: true},
		{name: "cn", match: cert(match.Certificate{CommonName: exactly("device-1")}), yes: shows(named), not: shows(unnamed), overTLS: true},
		{name: "subject", match: cert(match.Certificate{Subject: regex("^CN=device-1$")}), yes: shows(named), not: shows(unnamed), overTLS: true},
		{name: "issuer_cn", match: cert(match.Certificate{IssuerCN: exactly("CA")}), yes: shows(named), not: plain, overTLS: true},
		{name: "dns", match: cert(match.Certificate{DNSNames: exactly("device-1")}), yes: shows(named), not: shows(unnamed), overTLS: true},
		{name: "email", match: cert(match.Certificate{Emails: exactly("d@example.com")}), yes: shows(named), not: shows(unnamed), overTLS: true},
		{name: "uri", match: cert(match.Certificate{URIs: textPrefix("urn:device:")}), yes: shows(named), not: shows(unnamed), overTLS: true},
	}
}

// dialDevice dials with the TLS of a device, and upgrades.
func (r *rig) dialDevice(d *device) *client {
	r.t.Helper()
	c := r.dialBare(r.srv.Addr("mqtt"))
	if r.snap.Listeners[0].TLS != nil {
		c.secure(func(config *tls.Config) {
			if d.sni != "" {
				config.ServerName, config.InsecureSkipVerify = d.sni, true
			}
			if d.show.TLS.Leaf != nil {
				config.Certificates = []tls.Certificate{d.show.TLS}
			}
		})
	}
	if r.snap.Listeners[0].ServesHTTP() {
		ws, err := upgraded(c.Conn)
		if err != nil {
			r.t.Fatalf("upgrade: %v", err)
		}
		_ = ws.SetDeadline(time.Now().Add(patience))
		c.Conn = ws
	}
	return c
}
