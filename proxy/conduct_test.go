package proxy

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// conductCount is what a conduct knows.
type conductCount struct{ open, idle, known int }

func (c *conduct) count() (n conductCount) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		n.known += len(s.known)
		n.idle += s.idle
		for _, b := range s.known {
			if b.open > 0 {
				n.open++
			}
		}
		s.mu.Unlock()
	}
	return n
}

var (
	banRule  = snapshot.Bans{Refusals: 20, Within: time.Minute, Time: 10 * time.Minute}
	attacker = netip.MustParseAddr("203.0.113.7")
)

// refusals counts refusals of the address, and returns after how many it is to be banned; 0: never.
func (c *conduct) refusals(n int, now int64) int {
	for i := range n {
		if c.refused(keyOf(attacker), &banRule, now) {
			return i + 1
		}
	}
	return 0
}

func TestEveryRefusalIsJudged(t *testing.T) {
	for o := range outcome.Count {
		if _, ok := countsForBan[o]; ok != (o.Refused() || o == outcome.FrameError) {
			t.Errorf("%v: refuses %v, judged %v", o, o.Refused(), ok)
		}
	}
}

func TestAddressIsBannedForTooManyRefusalsWithinTheTime(t *testing.T) {
	c, now := newConduct(), int64(1)
	if n := c.refusals(100, now); n != 20 {
		t.Errorf("banned after %d", n)
	}
	if n := c.refusals(19, now); n != 0 {
		t.Errorf("banned again after %d", n)
	}
	now += int64(time.Minute)
	if n := c.refusals(19, now); n != 0 {
		t.Errorf("banned after %d, with those of the minute before", n)
	}
}

// An address with 1,000 good clients and a bad one.
func TestAddressWithMoreGoodSessionsThanRefusalsIsNotBanned(t *testing.T) {
	c, now := newConduct(), int64(1)
	for range 1000 {
		c.enter(attacker, true, &banRule, now)
	}
	now += int64(time.Hour) // they stay
	if n := c.refusals(1000, now); n != 0 {
		t.Errorf("banned after %d, with 1000 open sessions", n)
	}
	if n := c.refusals(1, now); n != 1 {
		t.Error("not banned for the 1001st")
	}
	for range 1000 {
		c.leave(attacker)
	}
	now += int64(time.Hour)
	if n := c.refusals(100, now); n != 20 {
		t.Errorf("banned after %d, when all have gone", n)
	}

	now += int64(time.Hour)
	for range 30 { // short sessions
		c.enter(attacker, true, &banRule, now)
		c.leave(attacker)
	}
	if n := c.refusals(100, now); n != 31 {
		t.Errorf("banned after %d, with 30 short sessions", n)
	}
	now += int64(time.Hour)
	for range 30 { // a listener that reads nothing accepts anybody
		c.enter(attacker, false, &banRule, now)
		c.leave(attacker)
	}
	if n := c.refusals(100, now); n != 20 {
		t.Errorf("banned after %d, with 30 short sessions that nobody has accepted", n)
	}
}

func TestConductIsBounded(t *testing.T) {
	c, now := newConduct(), int64(1)
	for range 15 {
		c.refused(keyOf(attacker), &banRule, now)
	}
	const flood = 3 * conductIdle * addressShards
	for i := range flood {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		c.refused(keyOf(a), &banRule, now)
	}
	if n := c.count(); n.known > conductIdle*addressShards || n.known != n.idle {
		t.Errorf("%+v after a flood of %d addresses", n, flood)
	}
	c.tidy(&banRule, now+int64(time.Minute))
	if n := c.count(); n != (conductCount{}) {
		t.Errorf("%+v when the time of all is over", n)
	}
}

func TestPaceOfBansFollowsTheAcceptedSessions(t *testing.T) {
	var p banPace
	now := int64(time.Hour)
	banned := func() (n int) {
		for range 1000 {
			if p.take(time.Minute, now) {
				n++
			}
		}
		return n
	}
	if n := banned(); n != bansAlways {
		t.Errorf("%d of 1000 are banned although no session is accepted", n)
	}
	p.accepted.Add(30)
	if n := banned(); n != 30 {
		t.Errorf("%d are banned after 30 accepted sessions", n)
	}
	p.accepted.Add(100_000)
	if n := banned(); n != bansAhead {
		t.Errorf("%d are banned after a storm of good clients", n)
	}
	now += int64(time.Minute)
	if n := banned(); n != bansAlways {
		t.Errorf("%d are banned in the next minute", n)
	}
	if n, last := p.withholding(); n != 4000-(2*bansAlways+30+bansAhead) || last != now {
		t.Errorf("%d were not banned, the last at %v", n, last)
	}
}

func TestBansAreBounded(t *testing.T) {
	b := newBans()
	for i := range mostBans + 10 {
		key := keyOf(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
		if _, ok := b.begin(key, "not_mqtt", 1, 2); ok != (i < mostBans) {
			t.Fatalf("ban %d: %v", i, ok)
		}
	}
	if n := len(b.end(func(_ addressKey, b *ban) bool { return b.until <= 2 })); n != mostBans || b.active.Load() != 0 {
		t.Errorf("%d have ended, %d are left", n, b.active.Load())
	}
}

func TestIPv6AddressIsBannedWithItsNetwork(t *testing.T) {
	b := newBans()
	b.begin(keyOf(netip.MustParseAddr("2001:db8:0:1::7")), "not_mqtt", 1, 100)
	for address, want := range map[string]bool{"2001:db8:0:1:ffff::1": true, "2001:db8:0:2::7": false, "203.0.113.7": false, "::": false} {
		if got := b.refuse(netip.MustParseAddr(address), &snapshot.Bans{}, 2); got != want {
			t.Errorf("%s: %v", address, got)
		}
		if b.refuse(netip.MustParseAddr(address), &snapshot.Bans{}, 100) {
			t.Errorf("%s: banned when the time is over", address)
		}
	}
	for key := range b.list {
		if got := fmt.Sprint(key.network()); got != "2001:db8:0:1::/64" {
			t.Error(got)
		}
	}
}
