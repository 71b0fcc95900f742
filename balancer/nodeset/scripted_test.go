package nodeset

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mqttlb/balancer/dns"
)

// errServer is what the resolver says of a server that fails.
var errServer = errors.New("it says SERVFAIL")

// scripted is a resolver whose answers change at any time. A name without an answer has none.
type scripted struct {
	mu      sync.Mutex // guards the fields below
	addrs   map[string][]netip.Addr
	records map[string][]dns.SRV
	names   map[netip.Addr][]string
	failing map[string]bool // by name or address; "" is any
	ttl     time.Duration
	asked   int
}

func (s *scripted) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// count returns the number of look-ups so far.
func (s *scripted) count() (n int) {
	s.change(func() { n = s.asked })
	return n
}

// answer returns what is known of a name.
func answer[K comparable, V any](s *scripted, of map[K][]V, key K, text string) ([]V, time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	switch {
	case s.failing[text] || s.failing[""]:
		return nil, 0, errServer
	case len(of[key]) == 0:
		return nil, s.ttl, dns.ErrNoRecords
	}
	return slices.Clone(of[key]), s.ttl, nil
}

func (s *scripted) LookupAddrs(_ context.Context, host string) ([]netip.Addr, time.Duration, error) {
	return answer(s, s.addrs, host, host)
}

func (s *scripted) LookupSRV(_ context.Context, name string) ([]dns.SRV, time.Duration, error) {
	return answer(s, s.records, name, name)
}

func (s *scripted) LookupPTR(_ context.Context, addr netip.Addr) ([]string, time.Duration, error) {
	return answer(s, s.names, addr, addr.String())
}

// newScripted returns a resolver that knows nothing.
func newScripted() *scripted {
	return &scripted{
		addrs: map[string][]netip.Addr{}, records: map[string][]dns.SRV{}, names: map[netip.Addr][]string{}, failing: map[string]bool{},
		ttl: 5 * time.Second,
	}
}

const (
	host    = "emqx-headless.default.svc"
	service = "_mqtt._tcp.emqx.example"
)

// pods sets the addresses of the host and their names, as "10.0.0.1 emqx-0"; without a name there is none.
func (s *scripted) pods(all ...string) {
	s.change(func() {
		s.addrs[host] = nil
		clear(s.names)
		for _, pod := range all {
			text, ordinal, named := strings.Cut(pod, " ")
			a := netip.MustParseAddr(text)
			s.addrs[host] = append(s.addrs[host], a)
			if named {
				s.names[a] = []string{ordinal + "." + host + ".cluster.local"}
			}
		}
		slices.SortFunc(s.addrs[host], netip.Addr.Compare)
	})
}

// watching returns sets that watch one source, and run until the test ends.
func watching(t *testing.T, r dns.Resolver, w Watch, log *slog.Logger) *Sets {
	t.Helper()
	sets := New(r, log)
	sets.Apply([]Watch{w})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { // ends with the test
		defer close(ended)
		sets.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return sets
}

// texts describes the nodes of a set: name, where it is, weight and priority if they are not usual.
func texts(set Set) []string {
	all := []string{}
	for _, n := range set.Nodes {
		text := strings.TrimSuffix(n.Name, "."+host+".cluster.local")
		for _, a := range n.Addrs {
			text += " " + a.String()
		}
		all = append(all, text)
	}
	return all
}

// expect checks the only set of sets.
func expect(t *testing.T, sets *Sets, want ...string) {
	t.Helper()
	status := sets.Status()[0]
	if got := texts(status.Set); !slices.Equal(got, want) || !status.Known {
		t.Errorf("after %v: got %q, known %v; want %q", status.Err, got, status.Known, want)
	}
}

var quiet = slog.New(slog.DiscardHandler)

var pods = Watch{Source: Source{Pool: "emqx", Kind: DNS, Name: host}, EmptyGrace: time.Minute}

// pass lets time pass in a bubble of synctest.
func pass(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // in a bubble
