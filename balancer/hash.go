package balancer

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// hashSeed separates our hashes from those of a broker that shards by XXH64 of the same
// identifiers. A change of hashSeed moves every client of every fleet.
const hashSeed = 0x6d717474_6c620001 // "mqttlb", 1

// Hash returns the XXH64 of a client identifier, a user name or a node's name, under a
// fixed seed. The result is the same on every architecture and in every release, because
// the replicas of a fleet must agree on it. The seed is public: an attacker can choose
// identifiers that all go to one node.
func Hash(key []byte) uint64 { return xxh64(key, hashSeed) }

// HashAddr returns the key of a client's address. An IPv4 address has the same key as its
// IPv4-mapped IPv6 form. HashAddr ignores the zone.
func HashAddr(addr netip.Addr) uint64 {
	if addr = addr.Unmap(); addr.Is4() {
		b := addr.As4()
		return Hash(b[:])
	}
	b := addr.As16()
	return Hash(b[:])
}

// The primes of XXH64. They are variables because the algorithm adds and negates them
// with wrap-around, which Go forbids for constants.
var (
	prime1 uint64 = 11400714785074694791
	prime2 uint64 = 14029467366897019727
	prime3 uint64 = 1609587929392839161
	prime4 uint64 = 9650029242287828579
	prime5 uint64 = 2870177450012600261
)

// xxh64 implements XXH64 as in xxhash_spec.md, version 0.2.
func xxh64(b []byte, seed uint64) uint64 {
	length := uint64(len(b))
	h := seed + prime5
	if len(b) >= 32 {
		v1, v2, v3, v4 := seed+prime1+prime2, seed+prime2, seed, seed-prime1
		for len(b) >= 32 {
			v1 = xxhRound(v1, binary.LittleEndian.Uint64(b))
			v2 = xxhRound(v2, binary.LittleEndian.Uint64(b[8:]))
			v3 = xxhRound(v3, binary.LittleEndian.Uint64(b[16:]))
			v4 = xxhRound(v4, binary.LittleEndian.Uint64(b[24:]))
			b = b[32:]
		}
		h = bits.RotateLeft64(v1, 1) + bits.RotateLeft64(v2, 7) + bits.RotateLeft64(v3, 12) + bits.RotateLeft64(v4, 18)
		h = xxhMerge(h, v1)
		h = xxhMerge(h, v2)
		h = xxhMerge(h, v3)
		h = xxhMerge(h, v4)
	}
	h += length
	for ; len(b) >= 8; b = b[8:] {
		h ^= xxhRound(0, binary.LittleEndian.Uint64(b))
		h = bits.RotateLeft64(h, 27)*prime1 + prime4
	}
	if len(b) >= 4 {
		h ^= uint64(binary.LittleEndian.Uint32(b)) * prime1
		h = bits.RotateLeft64(h, 23)*prime2 + prime3
		b = b[4:]
	}
	for _, c := range b {
		h ^= uint64(c) * prime5
		h = bits.RotateLeft64(h, 11) * prime1
	}
	h = (h ^ h>>33) * prime2
	h = (h ^ h>>29) * prime3
	return h ^ h>>32
}

func xxhRound(acc, lane uint64) uint64 {
	return bits.RotateLeft64(acc+lane*prime2, 31) * prime1
}

func xxhMerge(acc, v uint64) uint64 {
	return (acc^xxhRound(0, v))*prime1 + prime4
}
