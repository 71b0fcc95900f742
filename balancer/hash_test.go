package balancer

import (
	"net/netip"
	"testing"
)

// The vectors of xxHash's own self-test.
func TestXXH64MatchesThePublishedVectors(t *testing.T) {
	buf := make([]byte, 222)
	gen := uint64(2654435761)
	for i := range buf {
		buf[i] = byte(gen >> 56)
		gen *= 11400714785074694797
	}
	for _, tt := range []struct {
		length     int
		seed, want uint64
	}{
		{0, 0, 0xEF46DB3751D8E999},
		{0, 2654435761, 0xAC75FDA2929B17EF},
		{1, 0, 0xE934A84ADB052768},
		{1, 2654435761, 0x5014607643A9B4C3},
		{4, 0, 0x9136A0DCA57457EE},
		{14, 0, 0x8282DCC4994E35C8},
		{14, 2654435761, 0xC3BD6BF63DEB6DF0},
		{222, 0, 0xB641AE8CB691C174},
		{222, 2654435761, 0x20CB8AB7AE10C14A},
	} {
		if got := xxh64(buf[:tt.length], tt.seed); got != tt.want {
			t.Errorf("%d bytes, seed %d: %#x, want %#x", tt.length, tt.seed, got, tt.want)
		}
	}
}

// A change of any line here moves the clients of every fleet at its next update.
func TestGoldenHashes(t *testing.T) {
	for _, tt := range []struct {
		key  string
		want uint64
	}{
		{"", 0x65cfd2c1a9d14567},
		{"emqx-1", 0x7e6c58f0ae8d1f65},
		{"device-000001", 0x4ebb918ecec98ddd},
		{"24:6F:28:00:00:01", 0x8d75cd33bc14e3ed},
		{"9b2fa9c5-7f6e-4b7e-8d6b-3c0a4d9f1e22", 0x719b38ed3a75f45e},
		{"ein Gerät mit Umlaut", 0x2c904f6afafbc1ba},
	} {
		if got := Hash([]byte(tt.key)); got != tt.want {
			t.Errorf("Hash(%q) = %#x, want %#x", tt.key, got, tt.want)
		}
	}
}

func TestAddressHashesAlikeHoweverItArrives(t *testing.T) {
	parse := netip.MustParseAddr
	if HashAddr(parse("192.0.2.7")) != HashAddr(parse("::ffff:192.0.2.7")) {
		t.Error("an IPv4 address mapped into IPv6 has another key")
	}
	if HashAddr(parse("fe80::1")) != HashAddr(parse("fe80::1%eth0")) {
		t.Error("the zone changes the key")
	}
	distinct := make(map[uint64]bool)
	for _, a := range []string{"192.0.2.7", "192.0.2.8", "2001:db8::7", "::192.0.2.7"} {
		distinct[HashAddr(parse(a))] = true
	}
	if len(distinct) != 4 {
		t.Error("different addresses share a key")
	}
}

func BenchmarkHash(b *testing.B) {
	for _, id := range []string{"device-000001", "9b2fa9c5-7f6e-4b7e-8d6b-3c0a4d9f1e22"} {
		key := []byte(id)
		b.Run(id, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Hash(key)
			}
		})
	}
}
