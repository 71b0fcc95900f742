package websocket

import (
	"encoding/binary"
	"math/bits"
)

// Mask masks or unmasks b in place: the two operations are the same (§5.3). offset is the
// position of b[0] in the frame's payload, so that a payload can be masked in parts.
func Mask(b []byte, key [4]byte, offset int) {
	xor(b, rotated(binary.LittleEndian.Uint32(key[:]), offset))
}

// rotated returns the mask for the bytes after n bytes that were masked with mask. The low
// byte of a mask is for the first byte.
func rotated(mask uint32, n int) uint32 { return bits.RotateLeft32(mask, -8*(n&3)) }

// xor masks b in steps of 32 bytes, then of 8, then of 1.
func xor(b []byte, mask uint32) {
	word := uint64(mask)<<32 | uint64(mask)
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
