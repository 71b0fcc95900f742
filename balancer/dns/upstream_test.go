package dns

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mqttlb/balancer/dns/dnstest"
)

func TestResolvConfIsReadAsByGo(t *testing.T) {
	plain := &upstream{ndots: 1, timeout: 5 * time.Second, attempts: 2}
	for _, c := range []struct {
		text    string
		servers string
		search  string
		want    *upstream
	}{
		{"nameserver 10.0.0.1\nnameserver fe80::1%eth0\nnameserver dns.example\nnameserver 10.0.0.3\nnameserver 10.0.0.4\nsearch a b. . c\n", "10.0.0.1:53 [fe80::1%eth0]:53 10.0.0.3:53", "a. b. c.", plain},
		{"search a\ndomain b\n", "127.0.0.1:53 [::1]:53", "b.", plain},
		{"# nameserver 10.0.0.1\n; nameserver 10.0.0.1\n\n nameserver\nsearch a\nnameserver 10.0.0.2 # two", "10.0.0.2:53", "a.", plain},
		{"search a\noptions ndots:5 timeout:1 attempts:3 rotate use-vc edns0 unknown:3", "127.0.0.1:53 [::1]:53", "a.",
			&upstream{ndots: 5, timeout: time.Second, attempts: 3, rotate: true, tcp: true}},
		{"search a\noptions ndots:99 timeout:0 attempts:0\n", "127.0.0.1:53 [::1]:53", "a.", &upstream{ndots: 15, timeout: time.Second, attempts: 1}},
		{"search a\noptions ndots:-1 timeout:9999 attempts:9999\n", "127.0.0.1:53 [::1]:53", "a.", &upstream{ndots: 0, timeout: 30 * time.Second, attempts: 5}},
		{"search a\noptions ndots:x\n", "127.0.0.1:53 [::1]:53", "a.", &upstream{ndots: 0, timeout: 5 * time.Second, attempts: 2}},
	} {
		up := parseUpstream([]byte(c.text))
		if got := strings.Trim(fmt.Sprint(up.servers), "[]"); got != strings.Trim(c.servers, "[]") {
			t.Errorf("%q: servers %s, want %s", c.text, got, c.servers)
		}
		if got := strings.Join(up.search, " "); got != c.search {
			t.Errorf("%q: search %s, want %s", c.text, got, c.search)
		}
		if up.ndots != c.want.ndots || up.timeout != c.want.timeout || up.attempts != c.want.attempts || up.rotate != c.want.rotate || up.tcp != c.want.tcp {
			t.Errorf("%q: got %d %v %d %t %t", c.text, up.ndots, up.timeout, up.attempts, up.rotate, up.tcp)
		}
	}
}

func TestShortNamesAreTriedInTheSearchDomains(t *testing.T) {
	up := &upstream{search: []string{"ns.svc.cluster.local.", "svc.cluster.local."}, ndots: 2}
	for name, want := range map[string]string{
		"emqx":                          "emqx.ns.svc.cluster.local. emqx.svc.cluster.local. emqx.",
		"emqx.ns":                       "emqx.ns.ns.svc.cluster.local. emqx.ns.svc.cluster.local. emqx.ns.",
		"a.emqx.ns":                     "a.emqx.ns. a.emqx.ns.ns.svc.cluster.local. a.emqx.ns.svc.cluster.local.",
		"emqx.example.":                 "emqx.example.",
		"a.onion":                       "",
		strings.Repeat("a.", 120) + "b": strings.Repeat("a.", 120) + "b.", // too long with a domain
	} {
		if got := strings.Join(up.names(name), " "); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestANameInASearchDomainIsFound(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	r := asking(s)
	up := r.own.Load()
	up.search, up.ndots = []string{"ns.local.", "local."}, 5
	s.Set("emqx.local", "60 A 127.0.0.1")
	if addrs, _, err := addrsOf(t, r, "emqx"); addrs != "127.0.0.1" || err != nil {
		t.Errorf("got %s, %v", addrs, err)
	}
	s.Behave(dnstest.ServFail, "emqx.ns.local")
	if addrs, _, err := addrsOf(t, r, "emqx"); addrs != "127.0.0.1" || err != nil {
		t.Errorf("a domain fails: got %s, %v", addrs, err)
	}
	s.Set("emqx.local")
	if _, _, err := addrsOf(t, r, "emqx"); err == nil || !strings.Contains(err.Error(), "emqx.ns.local: DNS server") {
		t.Errorf("a domain fails, and no other one has it: %v", err)
	}
	s.Behave(dnstest.Answer, "emqx.ns.local")
	if _, _, err := addrsOf(t, r, "emqx"); err == nil || err.Error() != "emqx has no A or AAAA record: the answer is empty" {
		t.Errorf("no domain has it: %v", err)
	}
}

func TestServersAreRotated(t *testing.T) {
	t.Parallel()
	a, b := dnstest.Start(t), dnstest.Start(t)
	r := asking(a, b)
	r.own.Load().rotate = true
	for range 10 {
		_, _, _ = r.LookupSRV(t.Context(), "a.example")
	}
	if a.Asked("SRV a.example") != 5 || b.Asked("SRV a.example") != 5 {
		t.Errorf("asked %d and %d times", a.Asked("SRV a.example"), b.Asked("SRV a.example"))
	}
}

func TestUDPIsNotUsedIfTheOptionsSaySo(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	s.Set("a.example", "60 SRV 0 0 1 b.example.")
	r := asking(s)
	r.own.Load().tcp = true
	if _, _, err := r.LookupSRV(t.Context(), "a.example"); err != nil || !slices.Equal(s.Questions(), []string{"SRV a.example over TCP"}) {
		t.Errorf("%v, %q", err, s.Questions())
	}
}

func TestServerThatWasSilentComesLastForAWhile(t *testing.T) {
	t.Parallel()
	dead, good := dnstest.Start(t), dnstest.Start(t)
	dead.Behave(dnstest.Silent)
	good.Set("a.example", "60 SRV 0 0 1 b.example.")
	r := quick(asking(dead, good))
	for range 3 {
		if _, _, err := r.LookupSRV(t.Context(), "a.example"); err != nil {
			t.Fatal(err)
		}
	}
	if n := dead.Asked("SRV a.example"); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
	up := r.own.Load()
	if now := time.Now(); !slices.Equal(up.order(now), []int{1, 0}) || !slices.Equal(up.order(now.Add(silentTime)), []int{0, 1}) {
		t.Errorf("the order is %v, and %v later", up.order(now), up.order(now.Add(silentTime)))
	}
}

func TestSystemFollowsItsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	s := system{path: file}
	now := time.Now()
	want := func(when, servers string) {
		t.Helper()
		var all []string
		for _, server := range s.read(now).servers {
			all = append(all, server.String())
		}
		if got := strings.Join(all, " "); got != servers {
			t.Errorf("%s: %s, want %s", when, got, servers)
		}
	}
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want("without a file", "127.0.0.1:53 [::1]:53")
	put("nameserver 10.0.0.1\n")
	want("it is looked at every 5 s", "127.0.0.1:53 [::1]:53")
	now = now.Add(systemChecked)
	want("there is a file", "10.0.0.1:53")
	put("nameserver 10.0.0.22\n")
	now = now.Add(systemChecked)
	want("it has changed", "10.0.0.22:53")
	before := s.current
	now = now.Add(systemChecked)
	if s.read(now) != before {
		t.Error("it was read again although it has not changed")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	now = now.Add(systemChecked)
	want("it is gone", "10.0.0.22:53")
}

func TestStubAsksTheSystemsServersWithoutItsOwn(t *testing.T) {
	own := []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:53"), netip.MustParseAddrPort("10.0.0.2:53")}
	s := NewStub(Settings{})
	s.system.path = filepath.Join(t.TempDir(), "resolv.conf")
	for _, c := range []struct {
		settings Settings
		other    bool
		servers  int
	}{
		{Settings{}, false, 2}, {Settings{Servers: own}, true, 2}, {Settings{Servers: own}, false, 2}, {Settings{Servers: own, Timeout: DefaultTimeout}, false, 2},
		{Settings{Servers: own, Timeout: time.Second}, true, 2}, {Settings{Servers: own[:1], Timeout: time.Second}, true, 1},
		{Settings{Servers: slices.Repeat(own, 5)}, true, maxServers}, {Settings{}, true, 2}, {Settings{Timeout: time.Second}, false, 2},
	} {
		if other := s.Set(c.settings); other != c.other || len(s.upstream().servers) != c.servers {
			t.Errorf("%+v: other %t, %d servers; want %t, %d", c.settings, other, len(s.upstream().servers), c.other, c.servers)
		}
	}
}

// FuzzResolvConf checks that every file makes an upstream that can be asked.
func FuzzResolvConf(f *testing.F) {
	f.Add([]byte("nameserver 10.0.0.1\nsearch a b\noptions ndots:5 timeout:1 attempts:3 rotate\n"), "emqx.default")
	f.Add([]byte("domain ..\noptions ndots:-1 timeout:99999999999999999999"), "a..b")
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		up := parseUpstream(text)
		if n := len(up.servers); n == 0 || n > maxServers || len(up.order(time.Now())) != n {
			t.Errorf("%d servers", n)
		}
		if up.attempts < 1 || up.attempts > maxAttempts || up.timeout < time.Second || up.timeout > maxTimeout*time.Second || up.ndots < 0 || up.ndots > maxNdots {
			t.Errorf("%d attempts of %v, ndots %d", up.attempts, up.timeout, up.ndots)
		}
		for _, fqdn := range up.names(name) {
			if !strings.HasSuffix(fqdn, ".") || len(fqdn) > 4*256 { // an escaped byte is 4
				t.Errorf("%q stands for %q", name, fqdn)
			}
		}
	})
}
