package websocket

import (
	"bytes"
	"testing"
)

// maskByte implements §5.3 literally: octet i is XORed with octet i modulo 4 of the key.
func maskByte(b []byte, key [4]byte, offset int) []byte {
	masked := make([]byte, len(b))
	for i := range b {
		masked[i] = b[i] ^ key[(offset+i)%4]
	}
	return masked
}

func TestMaskIsTheXOROfTheRFC(t *testing.T) {
	key := [4]byte{0x37, 0xFA, 0x21, 0x3D}
	hello := []byte("Hello") // §5.7
	Mask(hello, key, 0)
	if want := []byte{0x7F, 0x9F, 0x4D, 0x51, 0x58}; !bytes.Equal(hello, want) {
		t.Errorf("%x, want %x", hello, want)
	}

	room := numbered(200)
	for length := range 131 { // covers the loops of 32 and of 8 bytes, and the rest
		for begin := range 9 { // alignments
			for _, offset := range []int{0, 1, 2, 3, 4, 65537, 1<<31 - 1} {
				b := bytes.Clone(room)
				Mask(b[begin:begin+length], key, offset)
				want := bytes.Clone(room)
				copy(want[begin:], maskByte(room[begin:begin+length], key, offset))
				if !bytes.Equal(b, want) {
					t.Fatalf("%d bytes at %d, offset %d: %x, want %x", length, begin, offset, b, want)
				}
				Mask(b[begin:begin+length], key, offset)
				if !bytes.Equal(b, room) {
					t.Fatalf("%d bytes at %d, offset %d: the second time does not restore", length, begin, offset)
				}
			}
		}
	}
}

func TestMaskInPartsIsMaskAtOnce(t *testing.T) {
	key := [4]byte{1, 2, 4, 8}
	for cut := range 100 {
		b := numbered(100)
		Mask(b[:cut], key, 0)
		Mask(b[cut:], key, cut)
		if want := maskByte(numbered(100), key, 0); !bytes.Equal(b, want) {
			t.Fatalf("cut at %d: %x, want %x", cut, b, want)
		}
	}
}
