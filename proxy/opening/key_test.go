package opening

import (
	"net/netip"
	"testing"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// Clients that ask for one name in several spellings belong to one node.
func TestTheKeyOfAnSNIDoesNotDependOnItsSpelling(t *testing.T) {
	p := &snapshot.Pool{Pool: &balancer.Pool{HashKey: balancer.BySNI}}
	key := func(name string) uint64 {
		k, keyed := SessionKey(p, &mqttparse.Connect{}, netip.Addr{}, &tlsterm.Info{ServerName: name})
		if !keyed {
			t.Errorf("%q is no key", name)
		}
		return k
	}
	for _, name := range []string{"XN--BCHER-KVA.Example", "bücher.example", "Bücher.EXAMPLE"} {
		if key(name) != key("xn--bcher-kva.example") {
			t.Errorf("%q has a key of its own", name)
		}
	}
	if _, keyed := SessionKey(p, &mqttparse.Connect{}, netip.Addr{}, &tlsterm.Info{}); keyed || key("a.example") == key("b.example") {
		t.Error("the key is not that of the name")
	}
}
