package balancer

import "math/bits"

const (
	log2Fraction = 57 // fraction bits: -log2 of 1/2^64 is 64, which needs seven bits before the point
	log2Steps    = 8  // the table has 2^log2Steps segments
)

// log2Table[i] is 1-log2(1+i/256) in fixed point. Between two points the curve is
// interpolated linearly, with an error of at most 0.2 % of the value.
var log2Table = makeLog2Table()

// negLog2 returns -log2(u) for u = h/2^64 in fixed point with log2Fraction fraction bits.
// It never increases with h.
func negLog2(h uint64) uint64 {
	h |= 1 // zero has no logarithm
	zeros := bits.LeadingZeros64(h)
	mantissa := h << zeros << 1 // the bits after the leading one
	i := mantissa >> (64 - log2Steps)
	part, _ := bits.Mul64(log2Table[i]-log2Table[i+1], mantissa<<log2Steps)
	return uint64(zeros)<<log2Fraction + log2Table[i] - part
}

func makeLog2Table() (table [1<<log2Steps + 1]uint64) {
	for i := range table {
		table[i] = 1<<log2Fraction - fractionLog2(1<<63+uint64(i)<<(63-log2Steps))
	}
	table[1<<log2Steps] = 0 // log2(2) is 1, but 2 does not fit into 64 bits
	return table
}

// fractionLog2 returns log2(m/2^63) for 2^63 <= m < 2^64, bit by bit: squaring m doubles
// the logarithm, and the next bit is one if the square reaches two.
func fractionLog2(m uint64) (log uint64) {
	for bit := uint64(1) << (log2Fraction - 1); bit > 0; bit >>= 1 {
		hi, lo := bits.Mul64(m, m) // m is in units of 2^-63, its square in units of 2^-126
		if hi >= 1<<63 {
			log |= bit
			m = hi
		} else {
			m = hi<<1 | lo>>63
		}
	}
	return log
}
