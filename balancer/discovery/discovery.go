// Package discovery keeps the addresses of nodes that are configured by host name.
//
//	d := discovery.New(dns.NewStub(dns.Settings{}), log)
//	d.Apply(pool.Nodes())
//	d.Resolve(ctx) // so that the first session finds addresses
//	go d.Run(ctx)
//
// Before nodes are replaced:
//
//	d.ResolveNew(ctx, next.Nodes()) // so that their first session finds addresses
//	d.Apply(next.Nodes())
//
// Each name is looked up again when the TTL of its answer is over.
//
// The package sets the addresses of the nodes it is given. It never turns addresses into
// nodes: a node is one broker, and clients are hashed to its name.
package discovery

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"mqttlb/balancer"
	"mqttlb/balancer/dns"
)

// lookupTimeout is longer than the five seconds after which resolvers ask their
// second server.
const lookupTimeout = 8 * time.Second

var errNoAddress = errors.New("the answer holds no address")

// Discovery looks up the host names of the nodes of the last Apply. Its methods may be
// called from any goroutine.
type Discovery struct {
	resolver   dns.Resolver
	log        *slog.Logger
	emptyGrace atomic.Int64  // a time.Duration
	changed    chan struct{} // a host may be due that was not

	mu    sync.Mutex // guards hosts and the fields of each host
	hosts map[string]*host
}

// New returns a Discovery without nodes.
func New(resolver dns.Resolver, log *slog.Logger) *Discovery {
	return &Discovery{resolver: resolver, log: log, changed: make(chan struct{}, 1)}
}

// SetEmptyGrace sets for how long a host keeps its addresses although the resolver says that it has none any more. It is 0
// at the start.
func (d *Discovery) SetEmptyGrace(grace time.Duration) { d.emptyGrace.Store(int64(grace)) }

// Apply replaces the nodes whose host names are looked up; they may belong to any number
// of pools. Nodes with the same host share its look-ups. When Apply returns they have its
// last answer.
func (d *Discovery) Apply(nodes []*balancer.Node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := make(map[string]*host)
	for _, n := range nodes {
		if isLiteral(n) {
			continue
		}
		h := next[n.Host]
		if h == nil {
			if h = d.hosts[n.Host]; h == nil {
				h = &host{name: n.Host, log: d.log.With("host", n.Host)}
			}
			h.nodes = nil
			next[n.Host] = h
		}
		h.nodes = append(h.nodes, n)
	}
	d.hosts = next
	now := time.Now()
	for _, h := range next {
		h.seed(now)
	}
	d.wake()
}

// ResolveNew looks up the host names of nodes before they are passed to Apply, but only
// names for which Apply will find no answer. It returns as Resolve does. It sets the
// addresses of these nodes only. Apply logs a name that does not resolve.
func (d *Discovery) ResolveNew(ctx context.Context, nodes []*balancer.Node) {
	byHost := make(map[string][]*balancer.Node)
	for _, n := range nodes {
		if !isLiteral(n) {
			byHost[n.Host] = append(byHost[n.Host], n)
		}
	}
	var round sync.WaitGroup
	for name, nodes := range byHost {
		if addrs := d.lastAnswer(name); addrs != nil {
			setAddrs(nodes, addrs)
			continue
		}
		// Ends with the look-up, after lookupTimeout at most.
		round.Go(func() {
			if addrs, _, err := d.lookUp(ctx, name); err == nil {
				setAddrs(nodes, addrs)
			}
		})
	}
	round.Wait()
}

// lastAnswer returns the last good answer for a host, or nil.
func (d *Discovery) lastAnswer(name string) []netip.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	if h := d.hosts[name]; h != nil {
		return h.last
	}
	return nil
}

// Resolve looks up every name once, all at the same time. It returns after the last
// answer, within 8 seconds.
func (d *Discovery) Resolve(ctx context.Context) {
	var round sync.WaitGroup
	d.mu.Lock()
	for _, h := range d.hosts {
		// Ends with the look-up, after lookupTimeout at most.
		round.Go(func() { d.update(ctx, h) })
	}
	d.mu.Unlock()
	round.Wait()
}

// update looks up the name of a host and stores the answer in the host.
func (d *Discovery) update(ctx context.Context, h *host) {
	addrs, ttl, err := d.lookUp(ctx, h.name)
	if err != nil && ctx.Err() != nil {
		return // canceled: not an answer
	}
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.hosts[h.name] != h: // Apply has removed the host
	case errors.Is(err, dns.ErrNoRecords):
		h.empty(err, ttl, now, time.Duration(d.emptyGrace.Load()))
	case err != nil:
		h.failed(err, now)
	default:
		h.answered(addrs, ttl, now)
	}
}

// lookUp returns the sorted addresses of a name. DNS servers rotate the order; by sorting, every
// replica dials the same address first, and the same one in every round.
func (d *Discovery) lookUp(ctx context.Context, name string) ([]netip.Addr, time.Duration, error) {
	lookup, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	addrs, ttl, err := d.resolver.LookupAddrs(lookup, name)
	if err == nil && len(addrs) == 0 {
		err = errNoAddress
	}
	return addrs, ttl, err
}

// isLiteral reports whether the node is configured by IP address.
func isLiteral(n *balancer.Node) bool {
	_, err := netip.ParseAddr(n.Host)
	return err == nil
}
