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

// plainASCII reports whether s consists of U+0001 to U+007F, as nearly every identifier
// and topic does. It tests eight bytes at a time.
func plainASCII(s []byte) bool {
	var seen uint64 // high bits of bytes above 0x7F, and of zero bytes, which borrow below 0x01
	if len(s) < 8 {
		for _, b := range s {
			seen |= uint64(b) | (uint64(b) - 1)
		}
		return seen&0x80 == 0
	}
	last := s[len(s)-8:] // overlaps the bytes of the loop: cheaper than a loop over single bytes
	for ; len(s) >= 8; s = s[8:] {
		word := binary.LittleEndian.Uint64(s)
		seen |= word | (word - everyByte)
	}
	word := binary.LittleEndian.Uint64(last)
	seen |= word | (word - everyByte)
	return seen&highBits == 0
}

// illFormed returns the offset of the first byte that is not well-formed UTF-8, or
// len(s). Surrogates are ill-formed (RFC 3629), except in 3.1.
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

// surrogate reports whether s begins with U+D800 to U+DFFF. Java's writeUTF encodes a
// character above U+FFFF as two surrogates, and 3.1 says of itself that it "uses this
// format".
func surrogate(s []byte) bool {
	return len(s) >= 3 && s[0] == 0xED && s[1] >= 0xA0 && s[1] <= 0xBF && s[2] >= 0x80 && s[2] <= 0xBF
}

// nullCharacter returns the offset of U+0000 in s, or -1.
func nullCharacter(s []byte) int { return bytes.IndexByte(s, 0) }
