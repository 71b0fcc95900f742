package opening

import (
	"slices"
	"strings"
	"testing"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlv"
)

const (
	connect4 = "\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02c1"
	connect5 = "\x10\x0f\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02c1"
	proxyV1  = "PROXY TCP4 192.0.2.7 192.0.2.9 40000 1883\r\n"
)

// A row is a client, the expected last verdict, and the end of the expected answers.
type row struct {
	name          string
	stage         string
	before, after string
	over          outcome.Outcome
	verdict, told string
}

func (r *row) client() *client { return &client{r.stage, []byte(r.before), []byte(r.after), r.over} }

// sslTLV returns an SSL TLV with a Common Name.
func sslTLV(name string) string {
	b, _ := (&tlv.Set{Session: tlv.Session{Client: 7, CommonName: name}, Secure: true}).Append(nil, 4096)
	return string(b)
}

// rows are clients of every listener, good and hostile.
func rows(tb testing.TB) []row {
	v5 := func(code string) string { return "\x20\x03\x00" + code + "\x00" }
	framed := func(code int, reason string) string {
		return "\x88" + string([]byte{byte(2 + len(reason)), byte(code >> 8), byte(code)}) + reason
	}
	upgrade, named := upgradeRequest("+Cookie: a=b"), hello(tb, "a.example.com")
	return []row{
		{name: "nothing", stage: "mqtt", verdict: "more: no whole CONNECT within timeouts.connect_packet 10s"},
		{name: "a CONNECT", stage: "mqtt", before: connect4, verdict: `dial plain by`},
		{name: "a CONNECT, and more", stage: "mqtt", before: connect5 + "\xc0\x00", verdict: `dial plain by`},
		{name: "half a CONNECT", stage: "mqtt", before: connect5[:9], verdict: "more: no whole CONNECT within timeouts.connect_packet 10s, version 5"},
		{name: "HTTP", stage: "mqtt", before: "GET / HTTP/1.1\r\n\r\n", verdict: "refuse wrong_protocol: an HTTP request in place of MQTT: protocol: ws", told: "an MQTT server.\n"},
		{name: "TLS", stage: "mqtt", before: named, verdict: "refuse wrong_protocol: a TLS ClientHello in place of MQTT: a listener with tls"},
		{name: "level 6", stage: "mqtt", before: "\x10\x0e\x00\x04MQTT\x06\x02\x00\x3c\x00\x02c1", verdict: "refuse unsupported_version", told: v5("\x84")},
		{name: "level 3", stage: "mqtt", before: "\x10\x0e\x00\x04MQTT\x03\x02\x00\x3c\x00\x02c1", verdict: "refuse unsupported_version", told: "\x20\x02\x00\x01"},
		{name: "too large", stage: "mqtt", before: "\x10\x80\xc2\xd7\x5f\x00\x04MQTT\x05", verdict: "refuse connect_too_large", told: v5("\x95")},
		{name: "Will QoS 3", stage: "mqtt", before: "\x10\x0e\x00\x04MQTT\x04\x1e\x00\x3c\x00\x02c1", verdict: "refuse malformed_connect"},
		{name: "no identifier", stage: "mqtt", before: "\x10\x0c\x00\x04MQTT\x04\x00\x00\x3c\x00\x00", verdict: "refuse identifier_rejected", told: "\x20\x02\x00\x02"},
		{name: "zeros", stage: "mqtt", before: strings.Repeat("\x00", 64), verdict: "refuse wrong_protocol: first packet is not a CONNECT"},

		{name: "behind a proxy", stage: "mqtt behind proxy", before: proxyV1 + connect4, verdict: "dial plain"},
		{name: "behind a proxy that speaks for itself", stage: "mqtt behind proxy", before: v2("\x20\x00", "") + connect4, verdict: "dial plain"},
		{name: "behind a proxy without addresses", stage: "mqtt behind proxy", before: v2("\x21\x00", "\x05\x00\x02id") + connect4, verdict: "dial plain"},
		{name: "a CRC32C that is wrong", stage: "mqtt behind proxy", before: v2("\x21\x00", "\x03\x00\x04abcd") + connect4, verdict: "refuse bad_proxy_header: PROXY v2: the CRC32C TLV says 0x61626364"},
		{name: "datagrams", stage: "mqtt behind proxy", before: v2("\x21\x12", "") + connect4, verdict: "refuse bad_proxy_header: PROXY v2: the family 0x12 is of datagrams"},
		{name: "a port with a zero", stage: "mqtt behind proxy", before: strings.Replace(proxyV1, " 40000", " 04000", 1), verdict: "refuse bad_proxy_header: PROXY v1: the source port"},
		{name: "a name to pass on", stage: "mqtt passing on", before: v2("\x21\x00", sslTLV("device")) + connect4, verdict: "dial forwarding"},
		{name: "a name that cannot be passed on", stage: "mqtt passing on", before: v2("\x21\x00", sslTLV(strings.Repeat("c", 257))) + connect4,
			verdict: `refuse bad_proxy_header: PROXY v2: forward_tlvs of pool "forwarding" cannot pass on ssl: the client certificate's Common Name has 257 bytes, more than 256`},
		{name: "a name that nobody gets", stage: "mqtt behind proxy", before: v2("\x21\x00", sslTLV(strings.Repeat("c", 257))) + connect4, verdict: "dial plain"},
		{name: "no PROXY header", stage: "mqtt behind proxy", before: connect4, verdict: "refuse bad_proxy_header: no PROXY header, but an MQTT CONNECT: a peer in trusted_proxies"},
		{name: "half a PROXY header", stage: "mqtt behind proxy", before: proxyV1[:20], verdict: "more: no whole PROXY header"},
		{name: "a PROXY header twice", stage: "mqtt behind proxy", before: proxyV1 + proxyV1 + connect4, verdict: "refuse untrusted_proxy"},
		{name: "a PROXY header of a stranger", stage: "mqtt of strangers", before: proxyV1 + connect4, verdict: "refuse untrusted_proxy"},
		{name: "a PROXY v2 header of a stranger", stage: "mqtt of strangers", before: v2("\x20\x00", ""), verdict: "refuse untrusted_proxy"},
		{name: "nearly a PROXY header", stage: "mqtt of strangers", before: "PROXZ", verdict: "refuse wrong_protocol: first packet"},
		{name: "a stranger", stage: "mqtt of strangers", before: connect4, verdict: "dial plain"},

		{name: "over TLS", stage: "mqtts", before: named, after: connect4, verdict: "dial plain"},
		{name: "over TLS, by name", stage: "mqtts by name", before: named, after: connect4, verdict: "dial named"},
		{name: "another's identity", stage: "mqtts", before: named, after: strings.Replace(connect5, "c1", "c2", 1), verdict: "refuse identity_mismatch", told: v5("\x87")},
		{name: "no TLS", stage: "mqtts", before: connect4, verdict: "refuse wrong_protocol: an MQTT CONNECT in place of TLS: a listener of protocol: mqtt without tls"},
		{name: "an alert", stage: "mqtts", before: "\x15\x03\x03\x00\x02\x02\x28", after: connect4, verdict: "dial plain"}, // crypto/tls has the answer
		{name: "half a ClientHello", stage: "mqtts", before: named[:40], verdict: "more: no whole ClientHello within tls.handshake_timeout 1s"},
		{name: "a ClientHello without end", stage: "mqtts", before: endless(), verdict: "refuse handshake_failed: TLS: the ClientHello is longer than 64 KiB"},
		{name: "over a limit, before TLS", stage: "mqtts", before: named, over: outcome.RefusedAddress, verdict: "refuse address_connections"},

		{name: "an upgrade", stage: "ws", before: upgrade, after: masked(0x82, connect4), verdict: "dial framed"},
		{name: "an upgrade and pings", stage: "ws", before: upgrade, after: masked(0x89, "p") + masked(0x02, connect4[:3]) + masked(0x8a, "q") + masked(0x80, connect4[3:]) + masked(0x89, "r"), verdict: "dial framed", told: "\x8a\x01p"},
		{name: "an upgrade for a node of MQTT", stage: "ws to mqtt", before: upgrade, after: masked(0x82, connect4[:3]) + masked(0x82, connect4[3:]+"\xc0\x00") + masked(0x89, "r") + masked(0x82, "\xc0"), verdict: "dial plain"},
		{name: "an upgrade behind a proxy", stage: "ws behind proxy", before: proxyV1 + upgrade, after: masked(0x82, connect5), verdict: "dial plain"},
		{name: "an upgrade that a proxy has forwarded", stage: "ws behind web proxy", before: upgradeRequest("+X-Forwarded-For: 203.0.113.7"), after: masked(0x82, connect5), verdict: "dial plain"},
		{name: "an upgrade of HTTP", stage: "http", before: upgrade, after: masked(0x82, connect5), verdict: "dial framed"},
		{name: "an upgrade over TLS", stage: "wss to mqtt", before: named, after: masked(0x82, connect5), verdict: "dial plain"},
		{name: "half an upgrade", stage: "ws", before: upgrade[:100], verdict: "more: request header: not whole within"},
		{name: "an upgrade that is refused", stage: "ws", before: upgradeRequest("Sec-WebSocket-Protocol: amqp"), verdict: "http, and"},
		{name: "an upgrade past a limit", stage: "ws", before: upgrade, over: outcome.RefusedAddressRate, verdict: "http, and"},
		{name: "an upgrade with a large header", stage: "ws", before: upgradeRequest("+Cookie: " + strings.Repeat("c", 3000)), verdict: "http, and"},
		{name: "a request", stage: "http", before: "POST /api HTTP/1.1\r\nHost: b\r\nContent-Length: 4\r\n\r\nbody", verdict: "http, and"},
		{name: "a request with line feeds alone", stage: "http", before: "GET / HTTP/1.1\nHost: b\n\n", verdict: "http, and"},
		{name: "SSH", stage: "http", before: "SSH-2.0-OpenSSH_9.2\r\n", verdict: "http, and"},
		{name: "a header without a colon", stage: "http", before: "GET / HTTP/1.1\r\nHost b\r\n", verdict: "http, and"},
		{name: "MQTT in place of HTTP", stage: "ws", before: connect4, verdict: "http, and"},
		{name: "no MQTT in frames", stage: "ws", before: upgrade, after: masked(0x82, "GET /"), verdict: "refuse wrong_protocol: an HTTP request in place of MQTT inside WebSocket", told: framed(1002, "wrong_protocol")},
		{name: "level 6 in frames", stage: "ws", before: upgrade, after: masked(0x82, "\x10\x0e\x00\x04MQTT\x06"), verdict: "refuse unsupported_version", told: "\x82\x05" + v5("\x84") + framed(1002, "unsupported_version")},
		{name: "a frame that is not masked", stage: "ws", before: upgrade, after: "\x82\x02\x10\x0e", verdict: "refuse frame_error"},
		{name: "a broken frame behind the CONNECT", stage: "ws to mqtt", before: upgrade, after: masked(0x82, connect4) + "\xff\xff\xff\xff", verdict: "dial plain"},
		{name: "a close frame", stage: "ws", before: upgrade, after: masked(0x82, connect4[:5]) + masked(0x88, "\x03\xe8"), verdict: "refuse client_gone", told: framed(1000, "")},
		{name: "a close frame behind the CONNECT", stage: "ws to mqtt", before: upgrade, after: masked(0x82, connect4) + masked(0x88, "\x03\xe8"), verdict: "dial plain"},
		{name: "pings without end", stage: "ws", before: upgrade, after: strings.Repeat(masked(0x89, ""), maxPings+1), verdict: "refuse frame_error: too many pings", told: framed(1008, "too many pings or pongs before the CONNECT")},
		{name: "empty frames without end", stage: "ws", before: upgrade, after: strings.Repeat(masked(0x82, ""), 1500), verdict: "refuse frame_error: the frames around the CONNECT"},

		{name: "anything", stage: "tcp", before: "anything", verdict: `dial plain`},
		{name: "nothing, over TCP", stage: "tcp", verdict: "dial plain"},
		{name: "over TCP behind a proxy", stage: "tcp behind proxy", before: proxyV1 + "anything", verdict: "dial plain"},
		{name: "over TCP past a limit", stage: "tcp", before: "anything", over: outcome.RefusedAddress, verdict: "refuse address_connections"},
		{name: "TLS that is passed on", stage: "passthrough", before: named, after: "anything", verdict: "dial named"},
		{name: "TLS for a name with its root dot", stage: "passthrough", before: strings.Replace(hello(tb, "aa.example.com"), "aa.example.com", "a.example.com.", 1), verdict: "dial named"},
		{name: "TLS for another name", stage: "passthrough", before: hello(tb, "example.org"), verdict: "dial plain"},
		{name: "TLS behind a proxy", stage: "passthrough behind proxy", before: proxyV1 + named, verdict: "dial plain"},
		{name: "no TLS to pass on", stage: "passthrough", before: "GET / HTTP/1.1\r\n\r\n", verdict: "refuse wrong_protocol: an HTTP request in place of TLS: a listener of protocol: ws or http", told: "an HTTPS server.\n"},
		{name: "a message of another type", stage: "passthrough", before: "\x16\x03\x01\x00\x05\x02\x00\x10\x00\x01" + named, verdict: "refuse handshake_failed: TLS: the first bytes are no ClientHello"},
		{name: "a ClientHello that breaks off", stage: "passthrough", before: "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03" + named, verdict: "refuse handshake_failed"},
	}
}

// endless returns the beginning of a ClientHello of 64 KiB, in records of one byte.
func endless() string {
	const record = "\x16\x03\x03\x00\x01"
	return record + "\x01" + record + "\x00" + record + "\xff" + record + "\xff" + strings.Repeat(record+"\x00", 12<<10)
}

func TestVerdicts(t *testing.T) {
	reached := map[string]bool{}
	for _, r := range slices.Concat(rows(t), toleratedRows(t), routedRows(t), ruleRows(t)) {
		t.Run(r.name, func(t *testing.T) {
			reached[r.stage] = true
			for name, next := range map[string]split{"whole": whole, "byte by byte": drip, "in threes": by([]byte{2})} {
				p := r.client().play(next)
				lines := slices.Collect(strings.Lines(p.text.String()))
				if last := lines[len(lines)-1]; !strings.HasPrefix(last, r.verdict) {
					t.Errorf("%s: the last verdict is %s, want %s", name, last, r.verdict)
				}
				if !strings.HasSuffix(string(p.said), r.told) || r.told == "" && !strings.HasPrefix(string(p.said), "HTTP/1.1 101") && len(p.said) > 0 {
					t.Errorf("%s: told %q, want %q at the end", name, p.said, r.told)
				}
			}
		})
	}
	for stage := range stages {
		if !reached[stage] {
			t.Errorf("no client plays on %s", stage)
		}
	}
}

// Also after Dial, a refusal is in the client's version and layers.
func TestRefusalAfterDialIsInTheClientsVersion(t *testing.T) {
	var sc Scratch
	o := New(rules, stages["ws to mqtt"], peer)
	for _, sent := range []string{"", "", upgradeRequest(), masked(0x82, connect5)} {
		o.Feed([]byte(sent), &sc)
	}
	if v := o.Feed(nil, &sc); v.Kind != Dial {
		t.Fatalf("kind %d", v.Kind)
	}
	v := o.Refuse(Refusal{Outcome: outcome.NoNode, Code: 0x88}, &sc)
	if want := "\x82\x05\x20\x03\x00\x88\x00\x88\x09\x03\xf5no_node"; v.Kind != Refuse || v.Outcome != outcome.NoNode || string(v.Reply) != want {
		t.Errorf("kind %d, %s, %q, want %q", v.Kind, v.Outcome, v.Reply, want)
	}
}

// connectAtOnce does what an event loop does for a client whose CONNECT comes in one
// read.
func connectAtOnce(tb testing.TB, ln *snapshot.Listener, o *Opening, sc *Scratch, b []byte) {
	*o = New(rules, ln, peer)
	for _, want := range []Kind{Address, More, Admit, Dial} {
		var sent []byte
		if want == Admit {
			sent = b
		}
		if v := o.Feed(sent, sc); v.Kind != want {
			tb.Fatalf("kind %d, want %d", v.Kind, want)
		}
	}
	if taken, owned := o.Take(); owned || &taken[0] != &b[0] {
		tb.Fatal("the bytes were copied")
	}
}

func TestConnectThatComesWholeCostsNoAllocation(t *testing.T) {
	var o Opening
	var sc Scratch
	for _, b := range [][]byte{[]byte(connect4), []byte(connect5 + "\xc0\x00")} {
		if n := testing.AllocsPerRun(100, func() { connectAtOnce(t, stages["mqtt"], &o, &sc, b) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

func BenchmarkConnect(b *testing.B) {
	var o Opening
	var sc Scratch
	connect := []byte(connect4)
	b.ReportAllocs()
	for b.Loop() {
		connectAtOnce(b, stages["mqtt"], &o, &sc, connect)
	}
}
