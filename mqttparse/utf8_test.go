package mqttparse

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

func TestEveryByteAtEveryPlaceIsSeenByTheASCIIPath(t *testing.T) {
	for length := range 26 {
		s := bytes.Repeat([]byte{'a'}, length)
		if !plainASCII(s) {
			t.Fatalf("%d letters are not plain", length)
		}
		for at := range s {
			for b := range 256 {
				s[at] = byte(b)
				if got, want := plainASCII(s), b != 0 && b < 0x80; got != want {
					t.Fatalf("byte %#02x at %d of %d: plain is %v", b, at, length, got)
				}
			}
			s[at] = 'a'
		}
	}
}

// FuzzText checks that Parse accepts a string if and only if it is well-formed and has no
// U+0000, and that the error gives the offset of the fault.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a", "12345678", "123456789", "ü", "1234567\x00", "\xED\xA0\x80", "\xEF\xBB\xBF", "\xF4\x90\x80\x80", "a\xC3", "a\xED\xA0\xBD\xED\xB8\x80b", "\xED\xA0", "\xED\x9F\xBF"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		if len(s) > 65535 {
			return
		}
		var bad Malformed
		c := cursor{packet: bytesOf(str(s)), version: V311, bad: &bad}
		var view []byte
		ok := c.text(&view, "field", "clause", textRules{})
		if want := utf8.Valid(s) && !bytes.Contains(s, []byte{0}); ok != want {
			t.Fatalf("%q: taken %v, want %v", s, ok, want)
		}
		c = cursor{packet: c.packet, version: V31, bad: new(Malformed)}
		if taken, want := c.text(&view, "field", "clause", textRules{}), utf8.Valid(withoutSurrogates(s)) && !bytes.Contains(s, []byte{0}); taken != want {
			t.Fatalf("3.1: %q: taken %v, want %v", s, taken, want)
		}
		if ok && !bytes.Equal(view, s) {
			t.Fatalf("read %q of %q", view, s)
		}
		if at := bad.Offset - 2; !ok && bad.Clause == "MQTT-1.5.3-2" && (s[at] != 0 || bytes.IndexByte(s, 0) != at) {
			t.Fatalf("%q: no U+0000 at %d, or not the first", s, at)
		} else if !ok && bad.Clause == "MQTT-1.5.3-1" && (!utf8.Valid(s[:at]) || utf8.FullRune(s[at:]) && utf8.Valid(s[at:min(len(s), at+4)])) {
			t.Fatalf("%q: not where it goes wrong: %d", s, at)
		}
	})
}

// withoutSurrogates replaces each surrogate in s, three bytes of UTF-8, by a letter.
func withoutSurrogates(s []byte) []byte {
	s = bytes.Clone(s)
	for surrogate := 0xD800; surrogate <= 0xDFFF; surrogate++ {
		if bytes.IndexByte(s, 0xED) < 0 {
			break
		}
		encoded := []byte{0xED, byte(0x80 | surrogate>>6&0x3F), byte(0x80 | surrogate&0x3F)}
		s = bytes.ReplaceAll(s, encoded, []byte("s"))
	}
	return s
}
