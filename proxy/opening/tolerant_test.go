package opening

import (
	"fmt"
	"strings"
	"testing"

	"mqttlb/balancer"
)

// toleratedRows are clients whose CONNECT breaks rules, on listeners of both kinds.
func toleratedRows(tb testing.TB) []row {
	const (
		alone    = "\x10\x11\x00\x04MQTT\x04\x42\x00\x3c\x00\x02c1\x00\x01p"
		flags    = "\x1f\x0f\x00\x04MQTT\x05\x32\x00\x3c\x00\x00\x02c1"
		repeated = "\x10\x15\x00\x04MQTT\x05\x02\x00\x3c\x06\x21\x00\x01\x21\x00\x02\x00\x02c1"
		twisted  = "\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02\xff\x00"
		reserved = "\x10\x0e\x00\x04MQTT\x04\x03\x00\x3c\x00\x02c1"
	)
	upgrade, hi := upgradeRequest(), hello(tb, "n")
	dial := func(pool, id, with, rules string) string {
		return fmt.Sprintf("dial %s by %x, true, with %q, tolerating [%s]\n", pool, balancer.Hash([]byte(id)), with, rules)
	}
	return []row{
		{name: "a password alone", stage: "mqtt, tolerant", before: alone, verdict: dial("plain", "c1", alone, "password_without_username")},
		{name: "a password alone, strictly", stage: "mqtt", before: alone, verdict: "refuse malformed_connect: Password Flag is set without the User Name Flag at byte 9 [MQTT-3.1.2-22], version 4"},
		{name: "flags", stage: "mqtt, tolerant", before: flags + "\xc0\x00", verdict: dial("plain", "c1", flags+"\xc0\x00", "fixed_header_flags will_qos_without_will will_retain_without_will")},
		{name: "no rule", stage: "mqtt, tolerant", before: connect5, verdict: dial("plain", "c1", connect5, "")},
		{name: "bytes for an identifier", stage: "mqtt, tolerant", before: twisted, verdict: dial("plain", "\xff\x00", twisted, "client_id_not_utf8 client_id_null")},
		{name: "bytes for an identifier in TLS", stage: "mqtts, tolerant", before: hi, after: twisted, verdict: "refuse identity_mismatch", told: "\x20\x02\x00\x05"},
		{name: "a password alone in TLS", stage: "mqtts, tolerant", before: hi, after: alone, verdict: dial("plain", "c1", alone, "password_without_username")},
		{name: "bytes for an identifier in frames", stage: "ws, tolerant", before: upgrade, after: masked(0x82, twisted), verdict: dial("framed", "\xff\x00", masked(0x82, twisted), "client_id_not_utf8 client_id_null")},
		{name: "a property twice in frames", stage: "wss to mqtt, tolerant", before: hi, after: masked(0x82, repeated[:9]) + masked(0x82, repeated[9:]+"\xc0\x00"), verdict: dial("plain", "c1", repeated+"\xc0\x00", "repeated_property")},
		{name: "a property twice in frames, strictly", stage: "wss to mqtt", before: hi, after: masked(0x82, repeated), verdict: "refuse malformed_connect: Receive Maximum comes twice", told: "malformed_connect"},
		{name: "a reserved flag", stage: "mqtt, tolerant", before: reserved, verdict: "refuse malformed_connect: reserved flag is not 0 at byte 9"},
		{name: "TLS, tolerantly", stage: "mqtt, tolerant", before: hi, verdict: "refuse wrong_protocol: a TLS ClientHello in place of MQTT"},
		{name: "HTTP, tolerantly", stage: "mqtt, tolerant", before: "GET / HTTP/1.1\r\n\r\n", verdict: "refuse wrong_protocol: an HTTP request in place of MQTT", told: "an MQTT server.\n"},
		{name: "level 6, tolerantly", stage: "mqtt, tolerant", before: strings.Replace(connect4, "\x04\x02", "\x06\x02", 1), verdict: "refuse unsupported_version", told: "\x20\x03\x00\x84\x00"},
	}
}
