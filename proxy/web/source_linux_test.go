package web

import (
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/source"
)

// peers notes where the requests to a node come from.
type peers struct {
	mu   sync.Mutex // guards from
	from []string
}

func (p *peers) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.from = append(p.from, netip.MustParseAddrPort(r.RemoteAddr).Addr().String())
}

func (p *peers) list() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.from)
}

func setOf(b *source.Book, addresses ...string) *source.Set {
	var all []netip.Addr
	for _, a := range addresses {
		all = append(all, netip.MustParseAddr(a))
	}
	return b.New("dashboard", all, slog.New(slog.DiscardHandler))
}

func (c *client) mustGet() {
	c.t.Helper()
	if got, _, err := c.do(http.MethodGet, "/", nil); err != nil || got.StatusCode != http.StatusOK {
		c.t.Fatal(got, err)
	}
}

// Connections for requests begin at the sources of the pool, and count while they are kept.
func TestRequestsComeFromTheSourcesOfThePool(t *testing.T) {
	seen := &peers{}
	n := newNode(t, "a", seen)
	book := new(source.Book)
	r := start(t, []*node{n}, func(r *rig, _ *setup) { r.pool.Source = setOf(book, "203.0.113.9", "127.0.0.5") })
	for range 3 {
		r.client().mustGet()
	}
	if got := seen.list(); !slices.Equal(got, []string{"127.0.0.5", "127.0.0.5", "127.0.0.5"}) {
		t.Errorf("the node sees %v", got)
	}
	if uses := book.Uses(); len(uses) != 1 || uses[0].Open() != n.open.Load() || uses[0].Sessions() != 0 {
		t.Errorf("%d connections are open, and the sources count %v", n.open.Load(), uses)
	}
	n.kill()
	eventually(t, "the end of the connections", func() bool { return len(book.Uses()) == 0 })
}

// Without a source or a port the answer is 503, and the node hears nothing.
func TestARequestWithoutASourceBlamesNoNode(t *testing.T) {
	n := newNode(t, "a", nil)
	r := start(t, []*node{n}, func(r *rig, _ *setup) { r.pool.Source = setOf(new(source.Book), "203.0.113.9") })
	if got, _, err := r.client().do(http.MethodGet, "/", nil); err != nil || got.StatusCode != http.StatusServiceUnavailable {
		t.Fatal(got, err)
	}
	if n.dialled.Load() != 0 || len(r.failed) != 0 || r.pool.Nodes()[0].IsOutlier() {
		t.Errorf("the node is dialled %d times, and its probes hear of %v", n.dialled.Load(), r.failed)
	}
}

// A connection from the address of a client carries the requests of that client alone.
func TestTransparentRequestsComeFromTheirClients(t *testing.T) {
	if !proxytest.OwnNetwork(t) {
		return
	}
	seen := &peers{}
	n := newNode(t, "a", seen)
	r := start(t, []*node{n}, func(r *rig, _ *setup) { r.pool.Source = source.Transparent() })
	want := []string{"127.1.0.1", "127.1.0.2", "127.1.0.1", "127.0.0.1"}
	for _, client := range []string{"127.1.0.1:99", "127.1.0.2:99", "127.1.0.1:99", "127.0.0.1:99"} {
		c := r.client()
		c.source = client
		c.mustGet()
	}
	if got := seen.list(); !slices.Equal(got, want) {
		t.Errorf("the node sees %v, want %v", got, want)
	}
}
