package websocket

import (
	"encoding/hex"
	"strings"
	"testing"
)

// hostile are violations of RFC 6455, section by section, in hexadecimal. Masks are
// 00000000 where the payload matters.
var hostile = []struct {
	name    string
	server  bool // from a server; else from a client
	hex     string
	code    CloseCode
	section string
}{
	{"5.1: a client's frame without a mask", false, "82 02 C000", 1002, "RFC 6455, 5.1"},
	{"5.1: a client's empty frame without a mask", false, "82 00", 1002, "RFC 6455, 5.1"},
	{"5.1: a client's ping without a mask", false, "89 00", 1002, "RFC 6455, 5.1"},
	{"5.1: a server's frame with a mask", true, "82 82 01020304 C000", 1002, "RFC 6455, 5.1"},
	{"5.1: a server's empty close frame with a mask", true, "88 80 01020304", 1002, "RFC 6455, 5.1"},

	{"5.2: RSV1, as permessage-deflate sets it", false, "C2 82 00000000 C000", 1002, "RFC 6455, 5.2"},
	{"5.2: RSV2", false, "A2 80 00000000", 1002, "RFC 6455, 5.2"},
	{"5.2: RSV3", true, "92 00", 1002, "RFC 6455, 5.2"},
	{"5.2: all reserved bits of a ping", false, "F9 80 00000000", 1002, "RFC 6455, 5.2"},
	{"5.2: RSV1 of a close frame", false, "C8 80 00000000", 1002, "RFC 6455, 5.2"},
	{"5.2: RSV1 of a continuation", false, "02 80 00000000 C0 80 00000000", 1002, "RFC 6455, 5.2"},
	{"5.2: opcode 3", false, "83 80 00000000", 1002, "RFC 6455, 5.2"},
	{"5.2: opcode 4", false, "84 80 00000000", 1002, "RFC 6455, 5.2"},
	{"5.2: opcode 5", false, "85 80 00000000", 1002, "RFC 6455, 5.2"},
	{"5.2: opcode 6", true, "86 00", 1002, "RFC 6455, 5.2"},
	{"5.2: opcode 7", true, "87 00", 1002, "RFC 6455, 5.2"},
	{"5.2: opcode 11", false, "8B 80 00000000", 1002, "RFC 6455, 5.2"},
	{"5.2: opcode 12", false, "8C 80 00000000", 1002, "RFC 6455, 5.2"},
	{"5.2: opcode 13", false, "8D 80 00000000", 1002, "RFC 6455, 5.2"},
	{"5.2: opcode 14", true, "8E 00", 1002, "RFC 6455, 5.2"},
	{"5.2: opcode 15", true, "8F 00", 1002, "RFC 6455, 5.2"},
	{"5.2: 0 in 16 bits", false, "82 FE 0000 00000000", 1002, "RFC 6455, 5.2"},
	{"5.2: 125 in 16 bits", false, "82 FE 007D 00000000", 1002, "RFC 6455, 5.2"},
	{"5.2: 0 in 64 bits", true, "82 7F 0000000000000000", 1002, "RFC 6455, 5.2"},
	{"5.2: 126 in 64 bits", true, "82 7F 000000000000007E", 1002, "RFC 6455, 5.2"},
	{"5.2: 65535 in 64 bits", false, "82 FF 000000000000FFFF 00000000", 1002, "RFC 6455, 5.2"},
	{"5.2: 2^63", false, "82 FF 8000000000000000 00000000", 1002, "RFC 6455, 5.2"},
	{"5.2: 2^64-1", true, "82 7F FFFFFFFFFFFFFFFF", 1002, "RFC 6455, 5.2"},
	{"5.2: MQTT without WebSocket", false, "10 0C 00044D5154540402003C0000", 1002, "RFC 6455, 5.2"},
	{"5.2: TLS", false, "16 03 01 02 00", 1002, "RFC 6455, 5.2"},
	{"5.2: HTTP", false, "47 45 54 20 2F 20", 1002, "RFC 6455, 5.2"},

	{"5.4: a continuation of nothing", false, "00 80 00000000", 1002, "RFC 6455, 5.4"},
	{"5.4: a last continuation of nothing", true, "80 00", 1002, "RFC 6455, 5.4"},
	{"5.4: a continuation after a whole message", true, "82 01 C0 80 01 00", 1002, "RFC 6455, 5.4"},
	{"5.4: a continuation after the last", true, "02 01 C0 80 01 00 80 00", 1002, "RFC 6455, 5.4"},
	{"5.4: a message within a message", true, "02 01 C0 82 01 00", 1002, "RFC 6455, 5.4"},
	{"5.4: a first fragment within a message", false, "02 80 00000000 02 80 00000000", 1002, "RFC 6455, 5.4"},
	{"5.4: a text within a message", true, "02 01 C0 81 01 41", 1002, "RFC 6455, 5.4"},
	{"5.4: a message after fragments and a ping", true, "02 01 C0 00 01 00 89 00 82 00", 1002, "RFC 6455, 5.4"},

	{"5.5: a fragmented ping", false, "09 80 00000000", 1002, "RFC 6455, 5.5"},
	{"5.5: a fragmented pong", true, "0A 00", 1002, "RFC 6455, 5.5"},
	{"5.5: a fragmented close frame", true, "08 02 03E8", 1002, "RFC 6455, 5.5"},
	{"5.5: a ping of 126 bytes", false, "89 FE 007E 00000000" + strings.Repeat("00", 126), 1002, "RFC 6455, 5.5"},
	{"5.5: a pong of 65536 bytes", true, "8A 7F 0000000000010000", 1002, "RFC 6455, 5.5"},
	{"5.5: a close frame of 126 bytes", true, "88 7E 007E 03E8", 1002, "RFC 6455, 5.5"},
	{"5.5: a ping whose length is not minimal", true, "89 7E 0001 00", 1002, "RFC 6455, 5.5"},

	{"5.5.1: a close frame of one byte", true, "88 01 03", 1002, "RFC 6455, 5.5.1"},
	{"5.5.1: a masked close frame of one byte", false, "88 81 01020304 02", 1002, "RFC 6455, 5.5.1"},
	{"5.5.1: a reason with a stray byte", true, "88 03 03E8 FF", 1007, "RFC 6455, 5.5.1"},
	{"5.5.1: a reason cut within a character", false, "88 84 01020304 02EA E186", 1007, "RFC 6455, 5.5.1"},
	{"5.5.1: a reason with a surrogate", true, "88 05 03E8 EDA080", 1007, "RFC 6455, 5.5.1"},
	{"5.5.1: a reason in an overlong form", true, "88 04 03E8 C0AF", 1007, "RFC 6455, 5.5.1"},

	{"7.4.1: 1004", true, "88 02 03EC", 1002, "RFC 6455, 7.4"},
	{"7.4.1: 1005", true, "88 02 03ED", 1002, "RFC 6455, 7.4"},
	{"7.4.1: 1006", false, "88 82 01020304 02EC", 1002, "RFC 6455, 7.4"},
	{"7.4.1: 1015", true, "88 02 03F7", 1002, "RFC 6455, 7.4"},
	{"7.4.2: 0", true, "88 02 0000", 1002, "RFC 6455, 7.4"},
	{"7.4.2: 999", true, "88 02 03E7", 1002, "RFC 6455, 7.4"},
	{"7.4.2: 1016", true, "88 02 03F8", 1002, "RFC 6455, 7.4"},
	{"7.4.2: 2999", true, "88 02 0BB7", 1002, "RFC 6455, 7.4"},
	{"7.4.2: 5000", true, "88 02 1388", 1002, "RFC 6455, 7.4"},
	{"7.4.2: 65535", true, "88 02 FFFF", 1002, "RFC 6455, 7.4"},
	{"7.4.2: a bad code before a bad reason", true, "88 03 0000 FF", 1002, "RFC 6455, 7.4"},

	{"MQTT-6.0.0-1: a text frame", false, "81 80 00000000", 1003, "MQTT-6.0.0-1"},
	{"MQTT-6.0.0-1: the first fragment of a text", false, "01 81 00000000 41", 1003, "MQTT-6.0.0-1"},
	{"MQTT-6.0.0-1: a server's text frame", true, "81 01 41", 1003, "MQTT-6.0.0-1"},
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestHostileFramesAreRefusedWithTheirCode(t *testing.T) {
	for _, tt := range hostile {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.hex)
			whole := follow(t, !tt.server, b)
			broken, ok := whole.err.(*Error)
			if !ok {
				t.Fatalf("taken: %v", whole)
			}
			if broken.Code != tt.code || broken.Section != tt.section || broken.Reason == "" {
				t.Errorf("%v, want %d of %s", broken, tt.code, tt.section)
			}
			if split := follow(t, !tt.server, each(1, b)...); !split.equal(whole) {
				t.Errorf("whole: %v; byte by byte: %v", whole, split)
			}
			after := frame(!tt.server, pingFrame, []byte("before"))
			if later := follow(t, !tt.server, append(after, b...)); later.err != whole.err || later.raw != len(after)+whole.raw {
				t.Errorf("first in the stream: %v; later: %v", whole, later)
			}
		})
	}
}

// Every error fits into its close frame.
func TestReasonsFitInACloseFrame(t *testing.T) {
	for _, tt := range hostile {
		broken, ok := follow(t, !tt.server, unhex(t, tt.hex)).err.(*Error)
		if !ok {
			t.Fatalf("%s: taken", tt.name)
		}
		f := follow(t, false, AppendClose(nil, broken.Code, broken.Reason))
		if f.err != nil || len(f.controls) != 1 {
			t.Fatalf("%s: %v", tt.name, f)
		}
		if code, reason := CloseOf([]byte(f.controls[0].payload)); code != broken.Code || reason != broken.Reason {
			t.Errorf("%v: sent as %d %q", broken, code, reason)
		}
		if want := broken.Reason + " [" + tt.section + "], close code "; !strings.HasPrefix(broken.Error(), want) {
			t.Errorf("%q, want %q", broken.Error(), want)
		}
	}
}
