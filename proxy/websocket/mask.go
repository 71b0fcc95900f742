package websocket

import (
	"encoding/binary"
	"math/bits"
)

// Mask masks b in place, or unmasks it: the second time restores the first (§5.3).
// offset is the position of b[0] in the frame's payload, so that a payload may be
// masked in parts.
func Mask(b []byte, key [4]byte, offset int) {
	turned := bits.RotateLeft32(binary.LittleEndian.Uint32(key[:]), -8*(offset&3))
	word := uint64(turned)<<32 | uint64(turned)
	for len(b) >= 32 {
		x := b[:32]
		binary.LittleEndian.PutUint64(x[0:8], binary.LittleEndian.Uint64(x[0:8])^word)
		binary.LittleEndian.PutUint64(x[8:16], binary.LittleEndian.Uint64(x[8:16])^word)
		binary.LittleEndian.PutUint64(x[16:24], binary.LittleEndian.Uint64(x[16:24])^word)
		binary.LittleEndian.PutUint64(x[24:32], binary.LittleEndian.Uint64(x[24:32])^word)
		b = b[32:]
	}
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^word)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(word)
		word >>= 8
	}
}
