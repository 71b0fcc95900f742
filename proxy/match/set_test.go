package match

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"mqttlb/mqttparse"
)

// firstInOrder is what First must return.
func firstInOrder(matches []Match, f *Facts) int {
	for i := range matches {
		if matches[i].Holds(f) {
			return i
		}
	}
	return -1
}

// someMatch returns a match with a few conditions from a small world, so that many clients meet them.
func someMatch(random *rand.Rand) (m Match) {
	value := func() string { return "aab"[:random.IntN(4)] }
	text := func() *Pattern {
		switch random.IntN(4) {
		case 0:
			return exact(value(), value())
		case 1:
			return prefix("a"+value(), "b")
		case 2:
			return prefix("a" + value())
		default:
			return regex(false, "^"+value())
		}
	}
	for range 1 + random.IntN(3) {
		switch random.IntN(5) {
		case 0, 1:
			m.ClientID = text()
		case 2:
			m.Username = text()
		case 3:
			m.Networks = networks([]string{"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "10.1.0.0/24"}[random.IntN(5)], "::/0")
		default:
			m.Will = Flag(random.IntN(3))
		}
	}
	return m
}

func someClient(random *rand.Rand) *Facts {
	f := &Facts{Address: netip.AddrFrom4([4]byte{10, byte(random.IntN(2)), byte(2 * random.IntN(2)), 3})}
	if random.IntN(10) == 0 {
		f.Address = netip.Addr{}
	}
	if random.IntN(10) > 0 {
		c := &mqttparse.Connect{ClientID: []byte("aabx"[:random.IntN(5)]), Will: random.IntN(2) == 0, HasUsername: random.IntN(2) == 0}
		if c.HasUsername {
			c.Username = []byte("abb"[:random.IntN(4)])
		}
		f.Connect = c
	}
	return f
}

func TestASetFindsTheFirstMatchInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 2000 {
		matches := make([]Match, random.IntN(12))
		for i := range matches {
			matches[i] = someMatch(random)
		}
		set := NewSet(matches)
		for range 20 {
			f := someClient(random)
			got, want := set.First(f), firstInOrder(matches, f)
			if got != want {
				t.Fatalf("got %d, want %d, of %+v for %+v, %+v", got, want, matches, f, f.Connect)
			}
			if got > 0 {
				found++
			}
		}
	}
	if found < 1000 {
		t.Errorf("only %d clients met a match behind others", found)
	}
}

// manyMatches returns n matches, none of which holds for any client of these tests.
func manyMatches(kind string, n int) []Match {
	matches := make([]Match, n)
	for i := range matches {
		m := &matches[i]
		switch of := kind; {
		case of == "identifier", of == "mixed" && i%4 == 0:
			m.ClientID = exact(fmt.Sprintf("device-%08d", i))
		case of == "prefix", of == "mixed" && i%4 == 1:
			m.ClientID = prefix(fmt.Sprintf("tenant-%05d-", i))
		case of == "username", of == "mixed" && i%4 == 2:
			m.Username = exact(fmt.Sprintf("user-%05d", i))
		case of == "network", of == "mixed":
			m.Networks = NewNetworks([]netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)})
		case of == "expression":
			m.ClientID = regex(true, fmt.Sprintf("^tenant-%05d-[0-9]+$", i))
		default:
			m.KeepAlive.Min = uint32(1000 + i)
		}
	}
	return matches
}

// 10,000 matches that are found by a value are no more work than the few that have it.
func TestASetDoesNotTryMatchesThatNameOthers(t *testing.T) {
	for _, kind := range []string{"identifier", "prefix", "username", "network", "mixed"} {
		set := NewSet(manyMatches(kind, 10_000))
		if len(set.rest) > 0 {
			t.Errorf("%s: %d matches are tried for every client", kind, len(set.rest))
		}
		if i := set.First(client()); i != -1 {
			t.Errorf("%s: match %d holds", kind, i)
		}
		if allocs := testing.AllocsPerRun(100, func() { set.First(client4) }); allocs > 0 {
			t.Errorf("%s: %v allocations", kind, allocs)
		}
	}
}

// A match is found by its rarest value: here 10,000 share a prefix.
func TestASetFindsAMatchByItsRarestValue(t *testing.T) {
	matches := manyMatches("network", 10_000)
	for i := range matches {
		matches[i].ClientID = prefix("device-")
	}
	set := NewSet(matches)
	if len(set.networks.of) != len(matches) || set.clientIDs.of != nil {
		t.Errorf("%d of %d are found by their network", len(set.networks.of), len(matches))
	}
}

func BenchmarkFirst(b *testing.B) {
	for _, kind := range []string{"identifier", "prefix", "username", "network", "mixed", "keep alive", "expression"} {
		for _, n := range []int{10, 100, 1000, 10_000} {
			if kind == "expression" && n > 100 {
				continue // config.maxExpressions
			}
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				set := NewSet(manyMatches(kind, n))
				f := client()
				f.Connect.ClientID, f.Address = []byte("tenant-00003x7"), netip.MustParseAddr("10.255.1.2")
				b.ReportAllocs()
				for b.Loop() {
					if set.First(f) != -1 {
						b.Fatal("a match holds")
					}
				}
			})
		}
	}
}
