package mqttparse

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

const (
	everyByte = 0x0101010101010101
	highBits  = 0x8080808080808080
)

// plainASCII reports whether s is made of U+0001 to U+007F alone, as nearly every
// identifier and topic is. It looks at eight bytes at a time.
func plainASCII(s []byte) bool {
	var seen uint64 // a high bit for a byte above 0x7F, or for one that borrowed below 0x01
	if len(s) < 8 {
		for _, b := range s {
			seen |= uint64(b) | (uint64(b) - 1)
		}
		return seen&0x80 == 0
	}
	last := s[len(s)-8:] // the tail overlaps what the loop saw: cheaper than a loop over bytes
	for ; len(s) >= 8; s = s[8:] {
		word := binary.LittleEndian.Uint64(s)
		seen |= word | (word - everyByte)
	}
	word := binary.LittleEndian.Uint64(last)
	seen |= word | (word - everyByte)
	return seen&highBits == 0
}

// illFormed returns where s is not well-formed UTF-8, or len(s). Surrogates are not
// (RFC 3629), but for 3.1.
func illFormed(s []byte, v Version) int {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && size == 1 {
			if v != V31 || !surrogate(s[i:]) {
				return i
			}
			size = 3
		}
		i += size
	}
	return len(s)
}

// surrogate reports whether s begins with U+D800 to U+DFFF. Java's writeUTF writes
// what is above U+FFFF as two of these, and 3.1 says of it that it "uses this format".
func surrogate(s []byte) bool {
	return len(s) >= 3 && s[0] == 0xED && s[1] >= 0xA0 && s[1] <= 0xBF && s[2] >= 0x80 && s[2] <= 0xBF
}

// nullCharacter returns where s holds U+0000, or -1.
func nullCharacter(s []byte) int { return bytes.IndexByte(s, 0) }
