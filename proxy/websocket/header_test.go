package websocket

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func TestHeadersReadAsRFC6455DrawsThem(t *testing.T) {
	for name, tt := range map[string]struct {
		hex  string
		want Header
	}{
		"5.7: a binary message":                {"82 05", Header{Fin: true, Opcode: Binary, Length: 5, Size: 2}},
		"5.7: a masked text":                   {"81 85 37FA213D", Header{Fin: true, Opcode: Text, Masked: true, Mask: [4]byte{0x37, 0xFA, 0x21, 0x3D}, Length: 5, Size: 6}},
		"5.7: a first fragment":                {"01 03", Header{Opcode: Text, Length: 3, Size: 2}},
		"5.7: a last fragment":                 {"80 02", Header{Fin: true, Opcode: Continuation, Length: 2, Size: 2}},
		"5.7: a masked pong":                   {"8A 85 37FA213D", Header{Fin: true, Opcode: Pong, Masked: true, Mask: [4]byte{0x37, 0xFA, 0x21, 0x3D}, Length: 5, Size: 6}},
		"5.7: 256 bytes":                       {"82 7E 0100", Header{Fin: true, Opcode: Binary, Length: 256, Size: 4}},
		"5.7: 64 KiB":                          {"82 7F 0000000000010000", Header{Fin: true, Opcode: Binary, Length: 65536, Size: 10}},
		"the least of 16 bits":                 {"82 7E 007E", Header{Fin: true, Opcode: Binary, Length: 126, Size: 4}},
		"the most of 16 bits":                  {"82 FE FFFF 01020304", Header{Fin: true, Opcode: Binary, Masked: true, Mask: [4]byte{1, 2, 3, 4}, Length: 65535, Size: 8}},
		"the most there is":                    {"82 FF 7FFFFFFFFFFFFFFF 01020304", Header{Fin: true, Opcode: Binary, Masked: true, Mask: [4]byte{1, 2, 3, 4}, Length: 1<<63 - 1, Size: 14}},
		"a close frame of the longest payload": {"88 7D", Header{Fin: true, Opcode: Close, Length: 125, Size: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			b := unhex(t, tt.hex)
			if len(b) != tt.want.Size {
				t.Fatalf("the table has %d bytes for a size of %d", len(b), tt.want.Size)
			}
			for _, more := range []string{"", "payload"} {
				if got, err := ParseHeader(append(bytes.Clone(b), more...)); err != nil || got != tt.want {
					t.Errorf("%+v, %v; want %+v", got, err, tt.want)
				}
			}
			for n := range b {
				if got, err := ParseHeader(b[:n]); err != ErrShort || got != (Header{}) {
					t.Errorf("%d bytes of it: %+v, %v", n, got, err)
				}
			}
		})
	}
}

func TestWrittenHeadersAreTheShortest(t *testing.T) {
	key := [4]byte{0xAA, 0xBB, 0xCC, 0xDD}
	for _, tt := range []struct {
		length int
		plain  string
		masked string
	}{
		{0, "8200", "8280aabbccdd"},
		{125, "827d", "82fdaabbccdd"},
		{126, "827e007e", "82fe007eaabbccdd"},
		{65535, "827effff", "82feffffaabbccdd"},
		{65536, "827f0000000000010000", "82ff0000000000010000aabbccdd"},
	} {
		dst := []byte("x")
		if got := AppendHeader(dst, Binary, tt.length)[1:]; hex.EncodeToString(got) != tt.plain {
			t.Errorf("%d: %x, want %s", tt.length, got, tt.plain)
		}
		if got := AppendMaskedHeader(dst, Binary, tt.length, key)[1:]; hex.EncodeToString(got) != tt.masked {
			t.Errorf("%d, masked: %x, want %s", tt.length, got, tt.masked)
		}
	}
	for _, op := range []Opcode{Continuation, Text, Binary, Close, Ping, Pong} {
		if h, err := ParseHeader(AppendHeader(nil, op, 3)); err != nil || h.Opcode != op || !h.Fin {
			t.Errorf("opcode %d: %+v, %v", op, h, err)
		}
	}
}
