package balancer

import (
	"hash/maphash"
	"math/bits"
)

// sketch estimates the number of different values that were added to it. It finds too few rather than
// too many.
type sketch [4]uint64

func (s *sketch) add(hash uint64) { s[hash>>6&3] |= 1 << (hash & 63) }

func (s *sketch) count() (n int) {
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

var sketchSeed = maphash.MakeSeed()
