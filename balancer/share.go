package balancer

import "math/bits"

// WholeShare is the share that takes every client. A share is counted in millionths.
const WholeShare = 1_000_000

// A Share takes a part of the clients, by a hash of each: the same clients on every replica and after every
// restart. A greater share takes all that a smaller one took, and more.
//
// The hash is none of those that choose a node, so that the clients of a share are spread over the nodes as
// all clients are. It depends on the name of the pool that gets them: the shares of two pools are as
// independent as two draws.
type Share struct {
	seed uint64
	most uint32 // millionths
}

// NewShare returns the share of a pool, in millionths.
func NewShare(pool string, millionths int) Share {
	// No node is called so: a name has no NUL.
	return Share{seed: Hash([]byte("share\x00" + pool)), most: uint32(max(0, min(millionths, WholeShare)))}
}

// Whole reports whether the share takes every client.
func (s Share) Whole() bool { return s.most == WholeShare }

// Takes reports whether the share takes the client with a key, as from Hash or HashAddr.
func (s Share) Takes(key uint64) bool { return s.Place(key) < int(s.most) }

// Place returns the place of the client with a key among all clients, in millionths: the least share that does not
// take it is as large.
func (s Share) Place(key uint64) int {
	place, _ := bits.Mul64(mix(key^s.seed), WholeShare)
	return int(place)
}
