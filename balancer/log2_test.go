package balancer

import (
	"math"
	"testing"
)

func TestNegLog2IsTheLogarithmWithinAFifthOfAPercent(t *testing.T) {
	check := func(h uint64) {
		t.Helper()
		got := float64(negLog2(h)) / (1 << log2Fraction)
		want := 64 - math.Log2(float64(h))
		if h >= 1<<63 { // float64 cannot hold the difference between h and 2^64
			want = -math.Log1p(-float64(-h)/(1<<64)) / math.Ln2
		}
		if math.Abs(got-want) > 0.002*want {
			t.Errorf("negLog2(%#x) = %v, want %v", h, got, want)
		}
	}
	for shift := range 64 {
		check(1<<shift | 1)
		check(1<<63>>shift + 1<<20)
	}
	// Towards 2^64 the value itself goes to zero, and there large pools decide. Beyond
	// 2^64-2^14 its last bit is worth more than the tolerance; one key in 2^50 is there.
	for shift := 14; shift < 54; shift++ {
		check(-(uint64(1) << shift))
	}
	for i := uint64(1); i < 100_000; i++ {
		check(mix(i))
	}
}

func TestNegLog2NeverRises(t *testing.T) {
	check := func(h uint64) {
		t.Helper()
		if h != math.MaxUint64 && negLog2(h+1) > negLog2(h) {
			t.Fatalf("negLog2(%#x) = %#x, of the next %#x", h, negLog2(h), negLog2(h+1))
		}
	}
	for shift := range 64 { // both sides of every power of two and every point of the table
		base := uint64(1) << shift
		check(base - 1)
		check(base)
		for i := range uint64(1 << log2Steps) {
			point := base + i*(base>>log2Steps)
			check(point - 1)
			check(point)
		}
	}
	for i := range uint64(1_000_000) {
		check(mix(i))
	}
	if got := negLog2(0); got != 64<<log2Fraction {
		t.Errorf("negLog2(0) = %#x", got)
	}
}

func TestGoldenLogarithms(t *testing.T) {
	for _, tt := range []struct{ h, want uint64 }{
		{0, 0x8000000000000000},
		{0x0123456789abcdef, 0x0fa0a825f6634557},
		{0x8000000000000000, 0x0200000000000000},
		{0xc000000000000000, 0x00d47fcb8c0852f1},
		{0xfedcba9876543210, 0x00034a606b53203c},
		{0xffffffffffffffff, 1},
	} {
		if got := negLog2(tt.h); got != tt.want {
			t.Errorf("negLog2(%#x) = %#x, want %#x", tt.h, got, tt.want)
		}
	}
	var sum uint64
	for _, v := range log2Table {
		sum = mix(sum ^ v)
	}
	if want := uint64(0xc131fa060800cd8); sum != want {
		t.Errorf("the table's checksum is %#x, want %#x", sum, want)
	}
}
