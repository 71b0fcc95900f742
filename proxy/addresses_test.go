package proxy

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/rate"
)

// addressCount is the size of a table of addresses.
type addressCount struct{ open, resting int }

func (a *addresses) count() (n addressCount) {
	for i := range a.shards {
		s := &a.shards[i]
		s.mu.Lock()
		n.open += len(s.open)
		n.resting += len(s.resting) + len(s.before)
		s.mu.Unlock()
	}
	return n
}

// exhaust uses up the rate of an address for longer than a test takes.
func (a *addresses) exhaust(address string) {
	key := keyOf(netip.MustParseAddr(address))
	s := a.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resting = map[addressKey]int64{key: int64(time.Hour)}
}

// network is one of 2⁶⁴ networks that an attacker may have.
func network(i int) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], 0x2001_0db8<<32+uint64(i))
	return netip.AddrFrom16(b)
}

func TestAddressIsAHostOfIPv4AndANetworkOfIPv6(t *testing.T) {
	for _, row := range []struct {
		one, other string
		same       bool
	}{
		{"192.0.2.7", "192.0.2.7", true},
		{"192.0.2.7", "192.0.2.8", false},
		{"192.0.2.7", "::ffff:192.0.2.7", true},
		{"::ffff:192.0.2.7", "::ffff:192.0.2.8", false},
		{"2001:db8:1:2::7", "2001:db8:1:2:ffff:ffff:ffff:ffff", true},
		{"2001:db8:1:2::7", "2001:db8:1:3::7", false},
		{"fe80::7%eth0", "fe80::8%eth1", true},
		{"::1", "0.0.0.1", false},
		{"::ffff:192.0.2.7", "::1", false},
	} {
		if same := keyOf(netip.MustParseAddr(row.one)) == keyOf(netip.MustParseAddr(row.other)); same != row.same {
			t.Errorf("%s and %s: the same address: %v", row.one, row.other, same)
		}
	}
}

func TestWithoutLimitsOfAddressesNoneIsCounted(t *testing.T) {
	a, limits := newAddresses(), addressLimits{0, rate.NewPace(0, time.Second)}
	if refused, counted := a.enter(network(1), limits, 0); refused != outcome.None || counted {
		t.Errorf("%v, counted %v", refused, counted)
	}
}

func TestUnknownAddressHasNoLimit(t *testing.T) {
	a, limits := newAddresses(), addressLimits{1, rate.NewPace(1, time.Second)}
	for range 100 {
		if refused, counted := a.enter(netip.Addr{}, limits, 0); refused != outcome.None || counted {
			t.Fatalf("%v, counted %v", refused, counted)
		}
	}
}

func TestPlacesOfAnAddressAreTakenAndGivenBack(t *testing.T) {
	const most = 3
	a, limits := newAddresses(), addressLimits{most, rate.NewPace(0, time.Second)}
	enter := func(from netip.Addr, refused outcome.Outcome, counted bool) {
		t.Helper()
		if r, c := a.enter(from, limits, 0); r != refused || c != counted {
			t.Fatalf("%v, counted %v; want %v, %v", r, c, refused, counted)
		}
	}
	for range most {
		enter(network(1), outcome.None, true)
	}
	for range addressHeadroom {
		enter(network(1), outcome.RefusedAddress, true)
	}
	for range 100 {
		enter(network(1), outcome.RefusedAddress, false)
	}
	enter(network(2), outcome.None, true)
	a.leave(network(2), false, 0)

	// A refused connection takes no place, and a connection that ends makes room for one of its kind.
	a.leave(network(1), false, 0)
	enter(network(1), outcome.None, true)
	enter(network(1), outcome.RefusedAddress, false)
	a.leave(network(1), true, 0)
	enter(network(1), outcome.RefusedAddress, true)
	for range most {
		a.leave(network(1), false, 0)
	}
	for range addressHeadroom {
		a.leave(network(1), true, 0)
	}
	if n := a.count(); n != (addressCount{}) {
		t.Errorf("after all have left: %+v", n)
	}
}

// visit opens and closes a connection.
func (a *addresses) visit(from netip.Addr, limits addressLimits, now int64) outcome.Outcome {
	refused, counted := a.enter(from, limits, now)
	if counted {
		a.leave(from, refused != outcome.None, now)
	}
	return refused
}

func TestRateOfAnAddressLetsItsNumberPassASecond(t *testing.T) {
	a, limits := newAddresses(), addressLimits{0, rate.NewPace(100, time.Second)}
	now := int64(time.Hour)
	passed := func(from netip.Addr) (n int) {
		for range 1000 {
			switch refused := a.visit(from, limits, now); refused {
			case outcome.None:
				n++
			case outcome.RefusedAddressRate:
			default:
				t.Fatal(refused)
			}
		}
		return n
	}
	for i := range 3 {
		if n := passed(network(i)); n != 100 {
			t.Errorf("at once: %d, want 100", n)
		}
	}
	now += int64(500 * time.Millisecond)
	if n := passed(network(0)); n != 50 {
		t.Errorf("half a second later: %d, want 50", n)
	}
	now += int64(999 * time.Millisecond) // in the next second by the clock, but less than one second later
	if n := passed(network(0)); n != 99 {
		t.Errorf("0.999 s later: %d, want 99", n)
	}
	now += int64(time.Hour)
	if n := passed(network(0)); n != 100 {
		t.Errorf("after a long rest: %d, want 100 and not more", n)
	}
}

// A connection refused by the limit of connections does not count in the rate.
func TestAddressAtItsConnectionsKeepsItsRate(t *testing.T) {
	a, limits := newAddresses(), addressLimits{1, rate.NewPace(2, time.Second)}
	a.enter(network(1), limits, 0)
	for range 10 {
		if refused := a.visit(network(1), limits, 0); refused != outcome.RefusedAddress {
			t.Fatal(refused)
		}
	}
	a.leave(network(1), false, 0)
	for _, want := range []outcome.Outcome{outcome.None, outcome.RefusedAddressRate} {
		if refused := a.visit(network(1), limits, 0); refused != want {
			t.Errorf("%v, want %v", refused, want)
		}
	}
}

// An owner of a network of 32 bits has 2³² addresses.
func TestManyAddressesDoNotFillTheMemoryNorClearTheirOwn(t *testing.T) {
	const bound = 2 * addressShards * addressesResting
	for _, perSecond := range []int{1, 10} {
		a, limits := newAddresses(), addressLimits{0, rate.NewPace(perSecond, time.Second)}
		now := int64(time.Hour)
		early, late := network(-1), network(-2)
		for range perSecond {
			a.visit(early, limits, now)
		}
		for i := range 3 * bound {
			a.visit(network(i), limits, now)
			now++
		}
		if n := a.count(); n.open != 0 || n.resting > bound {
			t.Errorf("rate %d: %+v, want at most %d", perSecond, n, bound)
		}
		for range perSecond {
			a.visit(late, limits, now)
		}
		for name, from := range map[string]netip.Addr{"from before the others": early, "from after them": late} {
			if refused := a.visit(from, limits, now); refused != outcome.RefusedAddressRate {
				t.Errorf("rate %d: the address %s: %v, want it over the rate still", perSecond, name, refused)
			}
		}
		now += int64(time.Second)
		for i := range 100 {
			if refused := a.visit(network(-3-i), limits, now); refused != outcome.None {
				t.Fatalf("rate %d: a second later: %v", perSecond, refused)
			}
		}

		// The table remembers two seconds.
		for range 2 {
			now += int64(time.Second)
			for i := range 20 * addressShards { // in every shard
				a.visit(network(i), limits, now)
			}
		}
		if n := a.count(); n.resting > 2*20*addressShards {
			t.Errorf("rate %d: %+v after two seconds", perSecond, n)
		}
	}
}

func TestLimitsOfAddressesHoldAcrossLoops(t *testing.T) {
	const most, hosts = 5, 3
	a, limits := newAddresses(), addressLimits{most, rate.NewPace(0, time.Second)}
	var open [hosts]atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 10000 {
				host := i % hosts
				refused, counted := a.enter(network(host), limits, int64(i))
				if refused == outcome.None {
					if n := open[host].Add(1); n > most {
						t.Errorf("%d open, want at most %d", n, most)
					}
					open[host].Add(-1)
				}
				if counted {
					a.leave(network(host), refused != outcome.None, int64(i))
				}
			}
		})
	}
	wg.Wait()
	if n := a.count(); n != (addressCount{}) {
		t.Errorf("after the end: %+v", n)
	}
}
