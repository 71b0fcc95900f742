package discovery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mqttlb/balancer"
	"mqttlb/balancer/dns"
)

// ttl is the TTL of the answers of resolver.
const ttl = 10 * time.Second

// resolver gives the answers that a test sets.
type resolver struct {
	dns.Resolver // nil: nothing else is asked
	mu           sync.Mutex
	answers      map[string][]string
	err          error
	hang         bool
	asked        []string
}

func (r *resolver) LookupAddrs(ctx context.Context, host string) ([]netip.Addr, time.Duration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, host)
	if r.hang {
		<-ctx.Done()
		return nil, 0, ctx.Err()
	}
	var addrs []netip.Addr
	for _, a := range r.answers[host] {
		addrs = append(addrs, netip.MustParseAddr(a))
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return addrs, ttl, r.err
}

func (r *resolver) answer(host string, addrs ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = map[string][]string{host: addrs}
}

func (r *resolver) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func nodes(t *testing.T, addresses ...string) []*balancer.Node {
	t.Helper()
	var spec balancer.PoolSpec
	for i, a := range addresses {
		spec.Nodes = append(spec.Nodes, balancer.NodeSpec{Name: fmt.Sprint("n", i), Address: a})
	}
	p, err := balancer.NewPool(spec)
	if err != nil {
		t.Fatal(err)
	}
	return p.Nodes()
}

// applied returns a Discovery with nodes.
func applied(nodes []*balancer.Node, r *resolver, log *slog.Logger) *Discovery {
	d := New(r, log)
	d.Apply(nodes)
	return d
}

func want(t *testing.T, n *balancer.Node, addrs string) {
	t.Helper()
	if got := strings.Trim(fmt.Sprint(n.Addrs()), "[]"); got != strings.Trim(addrs, "[]") {
		t.Errorf("%s: %s, want %s", n.Address, got, addrs)
	}
}

func TestNodesGetTheAddressesOfTheirName(t *testing.T) {
	r := &resolver{answers: map[string][]string{
		"a.example": {"127.0.0.1", "127.0.0.9", "2001:db8::1"},
		"b.example": {"127.0.0.2"},
	}}
	all := nodes(t, "a.example:1883", "127.0.0.7:1", "b.example:1883", "a.example:8083", "[::1]:1")
	applied(all, r, slog.New(slog.DiscardHandler)).Resolve(t.Context())
	want(t, all[0], "127.0.0.1:1883 127.0.0.9:1883 [2001:db8::1]:1883")
	want(t, all[1], "127.0.0.7:1")
	want(t, all[2], "127.0.0.2:1883")
	want(t, all[3], "127.0.0.1:8083 127.0.0.9:8083 [2001:db8::1]:8083")
	want(t, all[4], "::1]:1")
	if len(r.asked) != 2 {
		t.Errorf("asked for %v; each name once, a literal never", r.asked)
	}
}

func TestErrorKeepsTheLastGoodAddressesAndIsOneLine(t *testing.T) {
	r := new(resolver)
	var log bytes.Buffer
	n := nodes(t, "a.example:1883")
	d := applied(n, r, slog.New(slog.NewTextHandler(&log, nil)))
	r.answer("a.example", "127.0.0.1")
	d.Resolve(t.Context())

	r.fail(errors.New("server misbehaving"))
	for range 5 {
		d.Resolve(t.Context())
		want(t, n[0], "127.0.0.1:1883")
	}
	r.fail(nil)
	r.answer("a.example")
	for range 5 {
		d.Resolve(t.Context())
		want(t, n[0], "127.0.0.1:1883")
	}
	r.answer("a.example", "127.0.0.1")
	for range 5 {
		d.Resolve(t.Context())
	}
	var lines []string
	for line := range strings.Lines(log.String()) {
		lines = append(lines, line)
	}
	if len(lines) != 3 || !strings.Contains(lines[0], "server misbehaving") || !strings.Contains(lines[0], "host=a.example") ||
		!strings.Contains(lines[1], errNoAddress.Error()) || !strings.Contains(lines[2], "resolves again") {
		t.Errorf("log:\n%s", &log)
	}
}

func TestNameThatNeverResolvedHasNoAddresses(t *testing.T) {
	r := &resolver{err: errors.New("no such host")}
	n := nodes(t, "a.example:1883")
	d := applied(n, r, slog.New(slog.DiscardHandler))
	if n[0].LookedUp() {
		t.Error("it is looked up before it was")
	}
	d.Resolve(t.Context())
	want(t, n[0], "")
	again := nodes(t, "a.example:1884")
	d.Apply(again)
	if !n[0].LookedUp() || !again[0].LookedUp() {
		t.Error("clients go on to wait for the answer")
	}
}

func TestHangingLookUpEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &resolver{hang: true}
		begun := time.Now()
		applied(nodes(t, "a.example:1"), r, slog.New(slog.DiscardHandler)).Resolve(t.Context())
		if d := time.Since(begun); d != lookupTimeout {
			t.Errorf("Resolve took %v", d)
		}
	})
}

func TestLookUpThatIsCutShortSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &resolver{hang: true}
		var log bytes.Buffer
		d := applied(nodes(t, "a.example:1"), r, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { d.Run(ctx) })
		<-time.After(time.Second) // a look-up is running
		cancel()
		running.Wait()
		if log.Len() > 0 {
			t.Errorf("log:\n%s", &log)
		}
	})
}
