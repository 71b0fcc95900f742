package proxy

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"mqttlb/proxy/opening"
)

// openings is a set of openings that records their evictions in order.
type openings struct {
	*openingMemory
	held    map[string]*holding
	evicted []string
}

func clientAt(address string) opening.Client {
	return opening.Client{Source: netip.AddrPortFrom(netip.MustParseAddr(address), 40000)}
}

func newOpenings(limit int64) *openings {
	m := newOpeningMemory()
	m.setLimit(limit)
	return &openings{openingMemory: m, held: map[string]*holding{}}
}

// hold has an opening of an address hold this many bytes.
func (o *openings) hold(name, from string, bytes int64) {
	if o.held[name] == nil {
		o.held[name] = o.begin(clientAt(from), nil, func() { o.evicted = append(o.evicted, name) })
	}
	o.held[name].set(bytes)
}

func (o *openings) want(t *testing.T, evicted ...string) {
	t.Helper()
	if !slices.Equal(o.evicted, evicted) {
		t.Errorf("evicted %v, want %v", o.evicted, evicted)
	}
}

func TestAddressThatHoldsTheMostLosesItsOldestOpening(t *testing.T) {
	o := newOpenings(100)
	o.hold("a1", "192.0.2.1", 30)
	o.hold("b1", "192.0.2.2", 10)
	o.hold("a2", "192.0.2.1", 30)
	o.hold("b2", "192.0.2.2", 30)
	o.want(t)
	o.hold("b1", "192.0.2.2", 20) // 110 in all, 60 of a
	o.want(t, "a1")
	o.hold("b3", "192.0.2.2", 40) // b has more now
	o.want(t, "a1", "b1")
}

func TestOfManyAddressesTheOneThatStallsTheLongestLoses(t *testing.T) {
	o := newOpenings(1000)
	for i := range 150 {
		o.hold(fmt.Sprint(i), fmt.Sprintf("192.0.2.%d", i), 10)
	}
	var want []string
	for i := range 50 {
		want = append(want, fmt.Sprint(i))
	}
	o.want(t, want...)
}

func TestEveryHostOfAnIPv6NetworkIsOneHolder(t *testing.T) {
	o := newOpenings(100)
	o.hold("good", "2001:db8:1::1", 30)
	for i := range 8 {
		o.hold(fmt.Sprint(i), fmt.Sprintf("2001:db8:2::%d", i+1), 10)
	}
	o.want(t, "0")
}

func TestOpeningThatIsOverHoldsNothing(t *testing.T) {
	o := newOpenings(100)
	for i := range 1000 {
		name := fmt.Sprint(i)
		o.hold(name, "192.0.2.1", 100)
		o.held[name].end()
		o.held[name].end()
		o.held[name].set(100)
	}
	o.hold("too large", "192.0.2.1", 101)
	o.held["too large"].set(101) // it is gone already
	o.want(t, "too large")
	if o.openingMemory.held != 0 || len(o.byAddress) != 0 || len(o.tops) != 0 {
		t.Errorf("%d bytes of %d addresses are left", o.openingMemory.held, len(o.byAddress))
	}
	var none *holding
	none.set(1)
	none.end()
}

func TestNoLimitOfOpeningMemoryEvictsNobody(t *testing.T) {
	o := newOpenings(0)
	o.hold("a", "192.0.2.1", 1<<40)
	o.want(t)
}

// A place is given away by the address with the most openings. One that holds more, as a TLS handshake does, does
// not keep the places of a flood for the flood.
func TestAHeavyOpeningDoesNotKeepTheManyFromGivingWay(t *testing.T) {
	o, at := newOpenings(0), new(port)
	begin := func(name, from string, bytes int64) {
		o.held[name] = o.begin(clientAt(from), at, func() { o.evicted = append(o.evicted, name) })
		o.held[name].set(bytes)
	}
	begin("handshake", "192.0.2.1", 50000)
	for i := range 3 {
		begin(fmt.Sprint("idle", i), "192.0.2.2", 4096)
	}
	arrive := func() bool { return o.giveWay(clientAt("192.0.2.3"), func(p *port) bool { return p == at }) }
	for range 2 {
		if !arrive() {
			t.Error("a new address gets no place")
		}
	}
	if arrive() {
		t.Error("the only opening of an address has given way")
	}
	o.want(t, "idle0", "idle1")
}

// The openings of a proxy are of clients that are not known yet. Each counts alone.
func TestOpeningsOfAProxyAreNotThoseOfOneAddress(t *testing.T) {
	o, at := newOpenings(1000), new(port)
	begin := func(name string, from opening.Client, bytes int64) {
		o.held[name] = o.begin(from, at, func() { o.evicted = append(o.evicted, name) })
		o.held[name].set(bytes)
	}
	proxy := clientAt("10.0.0.1")
	proxy.Shared = true
	for i := range 9 {
		begin(fmt.Sprint("proxied", i), proxy, 100)
	}
	begin("flood0", clientAt("192.0.2.2"), 60)
	begin("flood1", clientAt("192.0.2.2"), 60)
	o.want(t, "flood0")
	begin("proxied9", proxy, 100)
	o.want(t, "flood0", "proxied0") // of those that hold the most it is the oldest

	for i := range 3 {
		begin(fmt.Sprint("idle", i), clientAt("192.0.2.3"), 0)
	}
	o.evicted = nil
	for range 2 {
		if !o.giveWay(proxy, func(*port) bool { return true }) {
			t.Error("a flood does not give way to a proxy")
		}
	}
	if o.giveWay(proxy, func(*port) bool { return true }) || o.giveWay(clientAt("192.0.2.9"), func(*port) bool { return true }) {
		t.Error("openings of a proxy give way")
	}
	o.want(t, "idle0", "idle1")
	for _, h := range o.held {
		h.end()
	}
	if len(o.byAddress) != 0 || len(o.tops) != 0 || o.size() != 0 {
		t.Errorf("%d addresses and %d ports are left, with %d bytes", len(o.byAddress), len(o.tops), o.size())
	}
}
