package dns

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"mqttlb/balancer/dns/dnstest"
)

func TestServiceHasTheRecordsOfItsName(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	r := asking(s)
	const name = "_mqtt._tcp.emqx.example"
	s.Set(name, "60 SRV 20 5 1883 b.example.", "50 SRV 10 0 1884 A.example.", "60 SRV 10 0 1883 a.example.", "60 SRV 10 0 1883 a.example.",
		"60 SRV 10 0 0 port.example.", `60 SRV 10 0 1883 a\010b.example.`, "60 SRV 10 0 1883 .")
	records, ttl, err := r.LookupSRV(t.Context(), name)
	want := []SRV{{"a.example", 1883, 10, 0}, {"a.example", 1884, 10, 0}, {"b.example", 1883, 20, 5}}
	if !slices.Equal(records, want) || ttl != 50*time.Second || err != nil {
		t.Errorf("got %v for %v, %v", records, ttl, err)
	}
	s.Set(name, "60 SRV 0 0 0 .")
	if _, ttl, err := r.LookupSRV(t.Context(), name); !errors.Is(err, ErrNoRecords) || ttl != maxEmptyTTL {
		t.Errorf("no such service: for %v, %v", ttl, err)
	}
	s.Set(name, `60 SRV 10 0 1883 a\010b.example.`)
	if _, _, err := r.LookupSRV(t.Context(), name); err == nil || errors.Is(err, ErrNoRecords) {
		t.Errorf("only a strange target: %v", err)
	}
	s.Set(name)
	if _, ttl, err := r.LookupSRV(t.Context(), name); !errors.Is(err, ErrNoRecords) || ttl != time.Second {
		t.Errorf("no such name: for %v, %v", ttl, err)
	}
}

func TestAddressHasTheNamesOfItsRecords(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	r := asking(s)
	for _, a := range []string{"192.0.2.1", "2001:db8::1", "127.0.0.1"} { // the last one is in the hosts file
		addr := netip.MustParseAddr(a)
		s.Set(dnstest.Reverse(a), "60 PTR b.example.", "30 PTR A.example.", "60 PTR a.example.", `60 PTR a\010b.example.`)
		names, ttl, err := r.LookupPTR(t.Context(), addr)
		if !slices.Equal(names, []string{"a.example", "b.example"}) || ttl != 30*time.Second || err != nil {
			t.Errorf("%s: got %q for %v, %v", a, names, ttl, err)
		}
		s.Set(dnstest.Reverse(a))
		if _, _, err := r.LookupPTR(t.Context(), addr); !errors.Is(err, ErrNoRecords) {
			t.Errorf("%s without a name: %v", a, err)
		}
	}
}
