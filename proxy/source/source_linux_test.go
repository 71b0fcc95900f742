package source

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/proxytest"
)

var node = netip.MustParseAddrPort("10.1.1.1:1883")

func newSet(b *Book, log *slog.Logger, addresses ...string) *Set {
	var all []netip.Addr
	for _, a := range addresses {
		all = append(all, netip.MustParseAddr(a))
	}
	return b.New("pool", all, log)
}

var silent = slog.New(slog.DiscardHandler)

// kernel answers connections from each source; nil: it is made.
type kernel map[string]error

func (k kernel) connect(from netip.Addr) error { return k[from.String()] }

// bound is the error of a bind.
func bound(errno syscall.Errno) error { return &balancer.SourceError{Bind: true, Err: errno} }

func TestConnectionsBeginAtTheSourceWithTheFewest(t *testing.T) {
	b := new(Book)
	s := newSet(b, silent, "10.0.0.5", "10.0.0.6", "10.0.0.7", "fd00::5")
	var uses []*Use
	for range 30 {
		u, err := s.Connect(node, Session, kernel{}.connect)
		if err != nil {
			t.Fatal(err)
		}
		uses = append(uses, u)
	}
	for _, u := range s.Uses(node) {
		if u.Open() != 10 {
			t.Errorf("%v has %d", u.Source(), u.Open())
		}
	}
	for _, u := range uses {
		if u.Source().String() == "10.0.0.6" {
			u.Release(Session)
		}
	}
	for range 10 { // another pool with one of them fills the gap as well
		u, err := newSet(b, silent, "10.0.0.6").Connect(node, Other, kernel{}.connect)
		if err != nil || u.Source().String() != "10.0.0.6" {
			t.Fatal(u, err)
		}
	}
	u, _ := s.Connect(node, Session, kernel{}.connect)
	if u.Open() != 11 || len(b.Uses()) != 3 {
		t.Errorf("%v has %d, and there are %d uses", u.Source(), u.Open(), len(b.Uses()))
	}
	// A node of a family without sources is the kernel's.
	six := newSet(b, silent, "10.0.0.5")
	if u, err := six.Connect(netip.MustParseAddrPort("[fd00::1]:1883"), Session, func(from netip.Addr) error {
		if from.IsValid() {
			t.Errorf("from %v", from)
		}
		return nil
	}); u != nil || err != nil {
		t.Error(u, err)
	}
}

func TestAFailureOfOneSourceLeavesTheOthers(t *testing.T) {
	for name, row := range map[string]struct {
		kernel kernel
		want   string // the source, or a part of the error
		short  balancer.Shortage
	}{
		"one has no ports":    {kernel{"10.0.0.5": syscall.EADDRNOTAVAIL}, "10.0.0.6", 0},
		"one is missing":      {kernel{"10.0.0.5": bound(syscall.EADDRNOTAVAIL)}, "10.0.0.6", 0},
		"one leads elsewhere": {kernel{"10.0.0.5": syscall.EINVAL}, "10.0.0.6", 0},
		"none has ports":      {kernel{"10.0.0.5": syscall.EADDRNOTAVAIL, "10.0.0.6": syscall.EADDRNOTAVAIL}, "no port of source 10.0.0.", balancer.Ports},
		"one of each":         {kernel{"10.0.0.5": bound(syscall.EADDRNOTAVAIL), "10.0.0.6": syscall.EADDRNOTAVAIL}, "no port of source 10.0.0.6 is left for 10.1.1.1:1883", balancer.Ports},
		"all are missing":     {kernel{"10.0.0.5": bound(syscall.EADDRNOTAVAIL), "10.0.0.6": bound(syscall.EADDRNOTAVAIL)}, "is no address of this host, see pools[].source", balancer.Sources},
		"none leads there":    {kernel{"10.0.0.5": syscall.EINVAL, "10.0.0.6": syscall.EINVAL}, "cannot reach 10.1.1.1:1883, see pools[].source", balancer.Sources},
		"the node refuses":    {kernel{"10.0.0.5": syscall.ECONNREFUSED, "10.0.0.6": syscall.ECONNREFUSED}, "connection refused", balancer.NoShortage},
	} {
		s := newSet(new(Book), silent, "10.0.0.5", "10.0.0.6")
		for range 4 { // also while a failure is remembered
			u, err := s.Connect(node, Session, row.kernel.connect)
			switch {
			case err == nil && u.Source().String() != row.want:
				t.Errorf("%s: from %v", name, u.Source())
			case err != nil && (!strings.Contains(err.Error(), row.want) || balancer.ShortageOf(err) != row.short):
				t.Errorf("%s: %v, shortage %d", name, err, balancer.ShortageOf(err))
			}
			if u != nil {
				u.Release(Session)
			}
		}
		for _, u := range s.Uses(node) {
			if u.Open() != 0 {
				t.Errorf("%s: %v has %d after the end", name, u.Source(), u.Open())
			}
		}
	}
}

// A storm does not have the kernel look at all ports for each client.
func TestAFullSourceIsNotAskedAgainAtOnce(t *testing.T) {
	s := newSet(new(Book), silent, "10.0.0.5")
	u, _ := s.Connect(node, Session, kernel{}.connect)
	asked := 0
	full := func(netip.Addr) error { asked++; return syscall.EADDRNOTAVAIL }
	begun := time.Now()
	for range 1000 {
		_, _ = s.Connect(node, Session, full)
	}
	if most := 1 + int(time.Since(begun)/fullFor); asked > most {
		t.Errorf("asked %d times, want %d at most", asked, most)
	}
	u.Release(Session) // which may free a port
	before := asked
	if _, _ = s.Connect(node, Session, full); asked != before+1 {
		t.Error("not asked after a port has become free")
	}
	many := newSet(new(Book), silent, "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6")
	asked = 0
	if _, err := many.Connect(node, Session, full); asked != mostTries || balancer.ShortageOf(err) != balancer.Ports {
		t.Errorf("one connection asks %d times: %v", asked, err)
	}
}

func TestAMissingSourceIsLoggedOnce(t *testing.T) {
	var log proxytest.Log
	s := newSet(new(Book), slog.New(slog.NewTextHandler(&log, nil)), "10.0.0.5")
	for range 3 {
		_, _ = s.Connect(node, Session, kernel{"10.0.0.5": bound(syscall.EADDRNOTAVAIL)}.connect)
	}
	s.addresses[0].missing.Store(-2 * int64(missingFor)) // long ago
	for range 3 {
		_, _ = s.Connect(node, Session, kernel{}.connect)
	}
	if text := log.String(); strings.Count(text, "cannot be used") != 1 || strings.Count(text, "can be used again") != 1 || strings.Count(text, "\n") != 2 {
		t.Errorf("log:\n%s", text)
	}
}

// What nobody uses any more is forgotten: the addresses of nodes change for years.
func TestUsesWithoutAConnectionAreForgotten(t *testing.T) {
	b := new(Book)
	s := newSet(b, silent, "10.0.0.5")
	kept, _ := s.Connect(node, Session, kernel{}.connect)
	for i := range mostRoutes + 1 {
		_ = s.Has(netip.AddrPortFrom(node.Addr(), uint16(2000+i)))
	}
	if n := len(*s.routes.Load()); n > mostRoutes {
		t.Errorf("%d routes", n)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		runtime.GC()
		b.mu.Lock()
		n := len(b.uses)
		b.mu.Unlock()
		if n < 10 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d uses are left", n)
		}
	}
	if again, _ := s.Connect(node, Session, kernel{}.connect); again != kept || again.Open() != 2 {
		t.Error("the connection was forgotten")
	}
}

func TestCountsOfManyReturnToZero(t *testing.T) {
	s := newSet(new(Book), silent, "10.0.0.5", "10.0.0.6", "10.0.0.7")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 2000 {
				err := errors.New("refused")
				if j%3 == 0 {
					err = nil
				} else if j%7 == i {
					err = syscall.EADDRNOTAVAIL
				}
				if u, err := s.Connect(node, Kind(i%2), func(netip.Addr) error { return err }); err == nil {
					u.Release(Kind(i % 2))
				}
			}
		})
	}
	all.Wait()
	for _, u := range s.Uses(node) {
		if u.Sessions() != 0 || u.Open() != 0 {
			t.Errorf("%v has %d and %d", u.Source(), u.Sessions(), u.Open())
		}
	}
}

// With many sources the connections are spread nearly as well.
func TestManySourcesHaveNearlyTheSame(t *testing.T) {
	var all []netip.Addr
	for a := netip.MustParseAddr("10.0.0.1"); len(all) < 254; a = a.Next() {
		all = append(all, a)
	}
	s := new(Book).New("pool", all, silent)
	for range 254 * 10 {
		if _, err := s.Connect(node, Session, kernel{"10.0.0.9": syscall.EADDRNOTAVAIL}.connect); err != nil {
			t.Fatal(err)
		}
	}
	for _, u := range s.Uses(node) {
		if n := u.Open(); (n < 9 || n > 12) && u.Source().String() != "10.0.0.9" {
			t.Errorf("%v has %d", u.Source(), n)
		}
	}
}

// The transparent source of a client, where there is one.
func TestTheClientsAddressIsUsedWhereItCanBe(t *testing.T) {
	for _, row := range [][3]string{
		{"198.51.100.7", "10.1.1.1:1883", "198.51.100.7"},
		{"2001:db8::7", "[fd00::1]:1883", "2001:db8::7"},
		{"127.1.0.7", "127.0.0.1:1883", "127.1.0.7"},
		{"127.1.0.7", "10.1.1.1:1883", ""},
		{"::1", "[fd00::1]:1883", ""},
		{"198.51.100.7", "[fd00::1]:1883", ""},
		{"2001:db8::7", "10.1.1.1:1883", ""},
		{"fe80::7", "[fd00::1]:1883", ""},
		{"fe80::7%eth0", "[fd00::1]:1883", ""},
		{"", "10.1.1.1:1883", ""}, // on a Unix socket
	} {
		client, _ := netip.ParseAddr(row[0])
		want, _ := netip.ParseAddr(row[2])
		if got := Client(client, netip.MustParseAddrPort(row[1])); got != want {
			t.Errorf("%s to %s: %v, want %q", row[0], row[1], got, row[2])
		}
	}
}

// A dialled connection counts until it is closed, once.
func TestDialledConnectionsCount(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	b := new(Book)
	s := newSet(b, silent, "203.0.113.9", "127.0.0.5")
	c, err := s.Dial(t.Context(), new(net.Dialer), ln.Addr().String(), netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	if from := c.LocalAddr().(*net.TCPAddr).IP.String(); from != "127.0.0.5" || len(b.Uses()) != 1 || b.Uses()[0].Open() != 1 {
		t.Errorf("it comes from %v, and %d sources have connections", from, len(b.Uses()))
	}
	c.Close()
	c.Close()
	if len(b.Uses()) != 0 || s.Uses(netip.MustParseAddrPort(ln.Addr().String()))[1].Open() != 0 {
		t.Error("it counts after its end")
	}
	_, err = newSet(b, silent, "203.0.113.9").Dial(t.Context(), new(net.Dialer), ln.Addr().String(), netip.Addr{})
	if balancer.ShortageOf(err) != balancer.Sources {
		t.Error(err)
	}
}

func TestReservedPortsAreNone(t *testing.T) {
	for list, want := range map[string]int{"": 0, "\n": 0, "80\n": 0, "1000": 1, "990-1001": 2, "1005,1090-1200": 12, "2000-3000": 0, "x": 0, "1-x": 0} {
		if got := reservedIn(list, 1000, 1100); got != want {
			t.Errorf("%q: %d, want %d", list, got, want)
		}
	}
}

func TestConnectDoesNotAllocate(t *testing.T) {
	s := newSet(new(Book), silent, "10.0.0.5", "10.0.0.6", "10.0.0.7")
	if n := testing.AllocsPerRun(100, func() {
		fd := 0
		u, err := s.Connect(node, Session, func(netip.Addr) error { fd++; return nil })
		if err == nil {
			u.Release(Session)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkConnect(b *testing.B) {
	for _, n := range []int{1, 3, 16, 254} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := new(Book)
			var all []netip.Addr
			for a := netip.MustParseAddr("10.0.0.1"); len(all) < n; a = a.Next() {
				all = append(all, a)
			}
			set := s.New("pool", all, silent)
			b.ReportAllocs()
			for b.Loop() {
				u, _ := set.Connect(node, Session, func(netip.Addr) error { return nil })
				u.Release(Session)
			}
		})
	}
}
