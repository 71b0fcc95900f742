package opening

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"mqttlb/mqttparse"
	"mqttlb/proxy/match"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// ruled returns a listener with rules that many clients meet: no client with the identifier c1 comes in but from one
// network, and none that asks for a name in TLS, from another one or with the certificate of c9.
func ruled(ln *snapshot.Listener) *snapshot.Listener {
	with := *ln
	exact := func(s string) *match.Pattern { return match.NewPattern([]string{s}, nil, nil, true) }
	network := func(s string) *match.Networks { return match.NewNetworks([]netip.Prefix{netip.MustParsePrefix(s)}) }
	with.Rules = snapshot.Rules{
		snapshot.NewRuleList([]snapshot.Rule{
			{Name: "office"},
			{Name: "name", Deny: true, Code: mqttparse.ServerMoved},
			{Name: "cn", Deny: true, Code: mqttparse.NotAuthorized},
		}, []match.Match{
			{Networks: network("203.0.113.0/24")},
			{ServerName: "*.example.com"},
			{Certificate: match.Certificate{CommonName: exact("c9")}},
		}),
		snapshot.NewRuleList([]snapshot.Rule{
			{Name: "c1", Deny: true, Code: mqttparse.Banned},
			{Name: "regex", Deny: true},
			{Name: "network", Deny: true, Code: mqttparse.ServerBusy},
		}, []match.Match{
			{ClientID: exact("c1")},
			{ClientID: match.NewPattern(nil, nil, []*regexp.Regexp{regexp.MustCompile("^c[2-4]$")}, true)},
			{Networks: network("192.0.2.7/32")},
		}),
	}
	return &with
}

// ruleRows are clients of listeners with rules.
func ruleRows(tb testing.TB) []row {
	c := func(connect, id string) string { return strings.Replace(connect, "c1", id, 1) }
	upgrade, named := upgradeRequest(), hello(tb, "a.example.com")
	behind := func(source string) string { return strings.Replace(proxyV1, "192.0.2.7", source, 1) }
	framed := func(connack, reason string) string {
		return "\x82" + string(rune(len(connack))) + connack + "\x88" + string(rune(2+len(reason))) + "\x03\xf0" + reason
	}
	return []row{
		{name: "a rule by identifier", stage: "mqtt, ruled", before: connect5, verdict: "refuse denied: , version 5", told: "\x20\x03\x00\x8a\x00"},
		{name: "a rule by identifier, 3.1.1", stage: "mqtt, ruled", before: connect4, verdict: "refuse denied: , version 4", told: "\x20\x02\x00\x05"},
		{name: "a rule without a code", stage: "mqtt, ruled", before: c(connect5, "c3"), verdict: "refuse denied: , version 5"},
		{name: "no rule takes it", stage: "mqtt, ruled", before: c(connect5, "c5"), verdict: "dial plain"},
		{name: "a rule before the limits", stage: "mqtt, ruled", before: connect5, over: outcome.RefusedAddressRate, verdict: "refuse denied", told: "\x20\x03\x00\x8a\x00"},
		{name: "a rule by the address in the PROXY header", stage: "mqtt behind proxy, ruled", before: proxyV1 + c(connect5, "c5"), verdict: "refuse denied: , version 5", told: "\x20\x03\x00\x89\x00"},
		{name: "a rule that lets in", stage: "mqtt behind proxy, ruled", before: behind("203.0.113.9") + connect5, verdict: "dial plain"},
		{name: "another address in the PROXY header", stage: "mqtt behind proxy, ruled", before: behind("192.0.2.8") + c(connect5, "c5"), verdict: "dial plain"},
		{name: "a rule over TLS", stage: "mqtts, ruled", before: named, after: connect4, verdict: "refuse denied: , version 4", told: "\x20\x02\x00\x05"},
		{name: "the identity, if no rule decides", stage: "mqtts, ruled", before: named, after: c(connect5, "c5"), verdict: "refuse identity_mismatch", told: "\x20\x03\x00\x87\x00"},
		{name: "a rule in frames", stage: "ws, ruled", before: upgrade, after: masked(0x82, connect5), verdict: "refuse denied", told: framed("\x20\x03\x00\x8a\x00", "denied")},
		{name: "a rule without a code in frames", stage: "ws, ruled", before: upgrade, after: masked(0x82, c(connect4, "c2")), verdict: "refuse denied", told: "\x88\x08\x03\xf0denied"},
		{name: "no rule in frames", stage: "ws, ruled", before: upgrade, after: masked(0x82, c(connect4, "c5")), verdict: "dial framed"},
		{name: "a rule by X-Forwarded-For", stage: "ws behind web proxy, ruled", before: upgradeRequest("+X-Forwarded-For: 203.0.113.7"), after: masked(0x82, connect5), verdict: "dial plain"},
		{name: "another X-Forwarded-For", stage: "ws behind web proxy, ruled", before: upgradeRequest("+X-Forwarded-For: 198.51.100.7"), after: masked(0x82, connect5), verdict: "refuse denied", told: framed("\x20\x03\x00\x8a\x00", "denied")},
		{name: "a rule on bytes", stage: "tcp behind proxy, ruled", before: proxyV1 + "anything", verdict: "refuse denied: , version 0"},
		{name: "no rule on bytes", stage: "tcp behind proxy, ruled", before: behind("203.0.113.9") + "anything", verdict: "dial plain"},
		{name: "a rule by SNI", stage: "passthrough, ruled", before: named, verdict: "refuse denied: , version 0"},
		{name: "another SNI", stage: "passthrough, ruled", before: hello(tb, "example.org"), verdict: "dial plain"},
	}
}

func init() {
	for _, name := range []string{"mqtt", "mqtt behind proxy", "mqtts", "ws", "ws behind web proxy", "tcp behind proxy", "passthrough"} {
		stages[name+", ruled"] = ruled(stages[name])
	}
}

// A client about which no rule decides costs no allocation, and neither does one that a rule lets in.
func TestRulesCostNoAllocation(t *testing.T) {
	var o Opening
	var sc Scratch
	b := []byte(strings.Replace(connect5, "c1", "c5", 1))
	if n := testing.AllocsPerRun(100, func() { connectAtOnce(t, stages["mqtt, ruled"], &o, &sc, b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
