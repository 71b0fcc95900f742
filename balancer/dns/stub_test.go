package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"mqttlb/balancer/dns/dnstest"
)

// asking returns a Stub that asks servers.
func asking(servers ...*dnstest.Server) *Stub {
	var settings Settings
	for _, s := range servers {
		settings.Servers = append(settings.Servers, s.Addr())
	}
	return NewStub(settings)
}

// quick makes a Stub give up a silent server soon. Servers that answer do so in much less, on a busy machine, too.
func quick(s *Stub) *Stub {
	s.own.Load().timeout = 2 * time.Second
	return s
}

func addrsOf(t *testing.T, r Resolver, host string) (addrs string, ttl time.Duration, err error) {
	t.Helper()
	all, ttl, err := r.LookupAddrs(t.Context(), host)
	return strings.Trim(fmt.Sprint(all), "[]"), ttl, err
}

func TestHostHasTheAddressesOfBothFamiliesAndTheirLeastTTL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		records []string
		addrs   string
		ttl     time.Duration
	}{
		{"sorted and each once", []string{"60 A 127.0.0.9", "30 A 127.0.0.1", "40 AAAA ::1", "30 A 127.0.0.1"}, "127.0.0.1 127.0.0.9 ::1", 30 * time.Second},
		{"the least is AAAA's", []string{"60 A 127.0.0.9", "40 AAAA ::1"}, "127.0.0.9 ::1", 40 * time.Second},
		{"only IPv4", []string{"60 A 127.0.0.9"}, "127.0.0.9", time.Minute},
		{"only IPv6", []string{"60 AAAA 2001:db8::1"}, "2001:db8::1", time.Minute},
		{"a TTL of 0 is a second", []string{"0 A 127.0.0.9"}, "127.0.0.9", time.Second},
		{"a TTL of a day is 5 minutes", []string{"86400 A 127.0.0.9"}, "127.0.0.9", 5 * time.Minute},
		{"a negative TTL is a second", []string{"4294967295 A 127.0.0.9"}, "127.0.0.9", time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := dnstest.Start(t)
			s.Set("a.example", c.records...)
			addrs, ttl, err := addrsOf(t, asking(s), "A.example")
			if addrs != c.addrs || ttl != c.ttl || err != nil {
				t.Errorf("got %s for %v, %v; want %s for %v", addrs, ttl, err, c.addrs, c.ttl)
			}
			if s.Asked("A a.example") != 1 || s.Asked("AAAA a.example") != 1 {
				t.Errorf("questions: %q", s.Questions())
			}
		})
	}
}

func TestAliasesAreFollowedInTheAnswer(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	r := asking(s)
	s.Set("a.example", "20 CNAME b.example.")
	s.Set("b.example", "10 CNAME c.example.")
	s.Set("c.example", "60 A 127.0.0.3")
	if addrs, ttl, err := addrsOf(t, r, "a.example"); addrs != "127.0.0.3" || ttl != 10*time.Second || err != nil {
		t.Errorf("got %s for %v, %v", addrs, ttl, err)
	}
	s.Set("c.example")
	if _, _, err := addrsOf(t, r, "a.example"); !errors.Is(err, ErrNoRecords) {
		t.Errorf("an alias of a name that does not exist: %v", err)
	}
	s.Set("b.example", "10 CNAME a.example.")
	if _, _, err := addrsOf(t, r, "a.example"); err == nil || errors.Is(err, ErrNoRecords) || !strings.Contains(err.Error(), "loop") {
		t.Errorf("a loop: %v", err)
	}
	s.Set("b.example", "10 CNAME c1.example.")
	for i := 1; i < maxAliases; i++ {
		s.Set(fmt.Sprintf("c%d.example", i), fmt.Sprintf("10 CNAME c%d.example.", i+1))
	}
	s.Set(fmt.Sprintf("c%d.example", maxAliases), "10 A 127.0.0.4")
	if _, _, err := addrsOf(t, r, "a.example"); err == nil || errors.Is(err, ErrNoRecords) {
		t.Errorf("a chain that is too long: %v", err)
	}
	if addrs, _, err := addrsOf(t, r, "b.example"); addrs != "127.0.0.4" || err != nil {
		t.Errorf("the longest chain: %s, %v", addrs, err)
	}
}

// What each behavior of the first server means: the second one has the address.
func TestServerThatFailsHasANeighbor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		behavior dnstest.Behavior
		addr     string // of the answer; the first server has .1, the second one .2
		alone    string // part of the error if the first server is the only one; empty: it is no error
	}{
		{dnstest.Answer, "127.0.0.1", ""},
		{dnstest.ServFail, "127.0.0.2", "SERVFAIL"},
		{dnstest.Refuse, "127.0.0.2", "REFUSED"},
		{dnstest.Referral, "127.0.0.2", "asks no other server"},
		{dnstest.Silent, "127.0.0.2", "no answer in time"},
		{dnstest.Reset, "127.0.0.2", "over TCP: "},
		{dnstest.TruncateAll, "127.0.0.2", "over TCP: "},
		{dnstest.Truncate, "127.0.0.1", ""},
		{dnstest.WrongID, "127.0.0.1", ""},
		{dnstest.WrongQuestion, "127.0.0.1", ""},
		{dnstest.Garbage, "127.0.0.1", ""},
		{dnstest.NoEDNS, "127.0.0.1", ""},
		{dnstest.Empty, "", "a.example has no A or AAAA record"},
		{dnstest.NXDomain, "", "a.example has no A or AAAA record"},
	} {
		t.Run(fmt.Sprint(c.behavior), func(t *testing.T) {
			t.Parallel()
			first, second := dnstest.Start(t), dnstest.Start(t)
			first.Set("a.example", "5 A 127.0.0.1")
			second.Set("a.example", "5 A 127.0.0.2")
			first.Behave(c.behavior)
			both, alone := asking(first, second), asking(first)
			if c.behavior == dnstest.Silent {
				quick(both)
				quick(alone)
			}
			addrs, ttl, err := addrsOf(t, both, "a.example")
			if empty := c.addr == ""; addrs != c.addr || empty != errors.Is(err, ErrNoRecords) || empty != (err != nil) {
				t.Errorf("got %s, %v; want %s", addrs, err, c.addr)
			} else if empty && ttl != time.Second {
				t.Errorf("it is empty for %v", ttl)
			}
			overTCP := slices.Contains([]dnstest.Behavior{dnstest.Reset, dnstest.TruncateAll, dnstest.Truncate, dnstest.WrongID, dnstest.WrongQuestion, dnstest.Garbage}, c.behavior)
			if asked := first.Asked("A a.example over TCP") > 0; asked != overTCP {
				t.Errorf("asked over TCP: %t, want %t", asked, overTCP)
			}
			_, _, err = addrsOf(t, alone, "a.example")
			switch {
			case c.alone == "" && err == nil:
			case c.alone == "" || err == nil || !strings.Contains(err.Error(), c.alone):
				t.Errorf("alone: %v, want %q", err, c.alone)
			case c.addr != "" && (!strings.Contains(err.Error(), "a.example") || !strings.Contains(err.Error(), first.Addr().String())):
				t.Errorf("%v does not name the name and the server", err)
			}
		})
	}
}

func TestServerThatIsNotThereHasANeighbor(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	s.Set("a.example", "5 A 127.0.0.1")
	dead := netip.MustParseAddrPort("127.0.0.1:1")
	r := NewStub(Settings{Servers: []netip.AddrPort{dead, s.Addr()}})
	if addrs, _, err := addrsOf(t, r, "a.example"); addrs != "127.0.0.1" || err != nil {
		t.Errorf("got %s, %v", addrs, err)
	}
	r.Set(Settings{Servers: []netip.AddrPort{dead}})
	_, _, err := addrsOf(t, r, "a.example")
	if want := "a.example: DNS server 127.0.0.1:1, A: connection refused"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestFamilyThatFailsKeepsItsLastAddresses(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	r := quick(asking(s))
	s.Set("a.example", "60 A 127.0.0.1", "60 AAAA ::1")
	for _, b := range []dnstest.Behavior{dnstest.ServFail, dnstest.Silent} {
		s.Behave(b, "AAAA new.example", "AAAA a.example")
		s.Behave(dnstest.Answer, "AAAA a.example")
		if addrs, ttl, err := addrsOf(t, r, "a.example"); addrs != "127.0.0.1 ::1" || ttl != time.Minute || err != nil {
			t.Fatalf("got %s for %v, %v", addrs, ttl, err)
		}
		s.Behave(b, "AAAA a.example")
		s.Set("a.example", "60 A 127.0.0.2", "60 AAAA ::2")
		if addrs, ttl, err := addrsOf(t, r, "a.example"); addrs != "127.0.0.2 ::1" || ttl != partialTTL || err != nil {
			t.Errorf("AAAA fails: got %s for %v, %v", addrs, ttl, err)
		}
		s.Set("new.example", "60 A 127.0.0.2")
		if addrs, ttl, err := addrsOf(t, r, "new.example"); addrs != "127.0.0.2" || ttl != partialTTL || err != nil {
			t.Errorf("AAAA has always failed: got %s for %v, %v", addrs, ttl, err)
		}
		s.Set("a.example", "60 AAAA ::1", "60 A 127.0.0.1")
	}
	s.Behave(dnstest.Empty, "A a.example")
	s.Behave(dnstest.ServFail, "AAAA a.example")
	if _, _, err := addrsOf(t, r, "a.example"); err == nil || errors.Is(err, ErrNoRecords) {
		t.Errorf("A is empty, AAAA fails: %v", err)
	}
	s.Behave(dnstest.Empty, "AAAA a.example")
	if _, _, err := addrsOf(t, r, "a.example"); !errors.Is(err, ErrNoRecords) {
		t.Errorf("both are empty: %v", err)
	}
}

// A look-up that is cut short has what has arrived.
func TestAddressesAreNotLostWithTheOtherFamily(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	s.Set("a.example", "60 A 127.0.0.1")
	s.Behave(dnstest.Silent, "AAAA a.example")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	r := asking(s)
	r.own.Load().timeout = time.Hour
	if addrs, _, err := r.LookupAddrs(ctx, "a.example"); len(addrs) != 1 || err != nil {
		t.Errorf("got %v, %v", addrs, err)
	}
	if addrs, _, err := addrsOf(t, r, "a.example"); addrs != "127.0.0.1" || err != nil { // the other family is not waited for
		t.Errorf("got %v, %v", addrs, err)
	}
}

func TestEndOfTheContextEndsALookUp(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	s.Behave(dnstest.Silent)
	r := asking(s)
	r.own.Load().timeout = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { // ends with ctx
		_, _, err := r.LookupAddrs(ctx, "a.example")
		ended <- err
	}()
	if err := s.Await(t.Context(), "A a.example", 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err == nil || errors.Is(err, ErrNoRecords) {
		t.Errorf("got %v", err)
	}
}

func TestLongAnswersComeOverTCPAndAreLimited(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	r := asking(s)
	var records []string
	for i := range maxRecords {
		records = append(records, fmt.Sprintf("60 A 127.1.%d.%d", i/250, i%250))
	}
	s.Set("a.example", records...)
	addrs, _, err := r.LookupAddrs(t.Context(), "a.example")
	if len(addrs) != maxRecords || err != nil || s.Asked("A a.example over TCP") != 1 {
		t.Errorf("got %d addresses, %v; %q", len(addrs), err, s.Questions())
	}
	s.Set("a.example", append(records, "60 A 127.0.0.1")...)
	if _, _, err := r.LookupAddrs(t.Context(), "a.example"); err == nil || !strings.Contains(err.Error(), "1001 records, at most 1000") {
		t.Errorf("got %v", err)
	}
}

func TestNothingIsAskedForWhatNeedsNoServer(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	r := asking(s)
	for host, want := range map[string]string{
		"127.0.0.7": "127.0.0.7", "::1": "::1", "::ffff:127.0.0.7": "127.0.0.7", "mqtt.localhost": "127.0.0.1 ::1",
	} {
		if addrs, ttl, err := addrsOf(t, r, host); addrs != want || ttl != maxTTL || err != nil {
			t.Errorf("%s: got %s for %v, %v", host, addrs, ttl, err)
		}
	}
	if addrs, _, err := addrsOf(t, r, "localhost"); !strings.Contains(addrs, "127.0.0.1") || err != nil { // from the hosts file, where there is one
		t.Errorf("got %s, %v", addrs, err)
	}
	for _, name := range []string{"", ".", "a..example", "a.onion", strings.Repeat("a", 64) + ".example", strings.Repeat("a.", 130)} {
		if _, _, err := addrsOf(t, r, name); err == nil || errors.Is(err, ErrNoRecords) || !strings.Contains(err.Error(), "not a name") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if q := s.Questions(); len(q) > 0 {
		t.Errorf("asked for %q", q)
	}
}
