// Package discovery keeps the addresses of nodes that are configured by host name.
//
//	d := discovery.New(net.DefaultResolver, log)
//	d.Apply(pool.Nodes())
//	d.Resolve(ctx) // so that the first session finds addresses
//	go d.Run(ctx)
//
// Before nodes are replaced:
//
//	d.ResolveNew(ctx, next.Nodes()) // so that their first session finds addresses
//	d.Apply(next.Nodes())
//
// The package sets the addresses of the nodes it is given. It never turns addresses into
// nodes: a node is one broker, and clients are hashed to its name.
package discovery

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"mqttlb/balancer"
)

const (
	// Interval is the time from one round of look-ups to the next. A broker that moves,
	// such as a restarted pod, takes longer than ten seconds to start, and one query in
	// ten seconds is no load for a resolver.
	Interval = 10 * time.Second

	// lookupTimeout is longer than the five seconds after which resolvers ask their
	// second server. It is shorter than Interval, so that rounds do not overlap.
	lookupTimeout = 8 * time.Second
)

var errNoAddress = errors.New("the answer holds no address")

// Resolver looks up host names. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Discovery looks up the host names of the nodes of the last Apply. Its methods may be
// called from any goroutine.
type Discovery struct {
	resolver Resolver
	log      *slog.Logger
	added    chan struct{} // Apply has added hosts that may have no answer yet

	mu    sync.Mutex // guards hosts and the fields of each host
	hosts map[string]*host
}

// New returns a Discovery without nodes.
func New(resolver Resolver, log *slog.Logger) *Discovery {
	return &Discovery{resolver: resolver, log: log, added: make(chan struct{}, 1)}
}

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
	for _, h := range next {
		h.seed()
	}
	select {
	case d.added <- struct{}{}:
	default: // Run already has a signal
	}
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
			if addrs, err := d.lookUp(ctx, name); err == nil {
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
	d.lookUpHosts(ctx, func(*host) bool { return true })
}

// lookUpHosts looks up the names of the hosts that which accepts.
func (d *Discovery) lookUpHosts(ctx context.Context, which func(*host) bool) {
	var round sync.WaitGroup
	d.mu.Lock()
	for _, h := range d.hosts {
		if which(h) {
			// Ends with the look-up, after lookupTimeout at most.
			round.Go(func() { d.update(ctx, h) })
		}
	}
	d.mu.Unlock()
	round.Wait()
}

// Run resolves every host at each Interval, and a host without an answer as soon as Apply
// adds it. It returns when ctx is done and every look-up has ended.
func (d *Discovery) Run(ctx context.Context) {
	rounds := time.NewTicker(Interval)
	defer rounds.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-rounds.C:
			d.Resolve(ctx)
		case <-d.added:
			d.lookUpHosts(ctx, func(h *host) bool { return h.last == nil })
		}
	}
}

// update looks up the name of a host and stores the answer in the host.
func (d *Discovery) update(ctx context.Context, h *host) {
	addrs, err := d.lookUp(ctx, h.name)
	if ctx.Err() != nil {
		return // canceled: not an answer
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.hosts[h.name] != h: // Apply has removed the host
	case err != nil:
		h.failed(err)
	default:
		h.answered(addrs)
	}
}

// lookUp returns the sorted addresses of a name. Resolvers rotate the order, and sessions
// go to the first address. Sorting gives every replica the same first address, and the
// same one in every round.
func (d *Discovery) lookUp(ctx context.Context, name string) ([]netip.Addr, error) {
	lookup, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	addrs, err := d.resolver.LookupNetIP(lookup, "ip", name)
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, errNoAddress
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs), nil
}

// isLiteral reports whether the node is configured by IP address.
func isLiteral(n *balancer.Node) bool {
	_, err := netip.ParseAddr(n.Host)
	return err == nil
}
