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
// It changes the addresses of the nodes that it was given, and never makes nodes
// of addresses: a node is one broker, and its name is what clients are hashed to.
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
	// Interval is from one round of look-ups to the next. A broker that moves, as
	// a pod does when it is restarted, needs longer than ten seconds to start;
	// and a resolver does not notice a question in ten seconds.
	Interval = 10 * time.Second

	// lookupTimeout is longer than the five seconds after which resolvers ask
	// their second server, and shorter than Interval, so that rounds do not pile up.
	lookupTimeout = 8 * time.Second
)

var errNoAddress = errors.New("the answer holds no address")

// Resolver looks host names up. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Discovery looks up the host names of the nodes that were applied last. Its methods
// may be called from any goroutine.
type Discovery struct {
	resolver Resolver
	log      *slog.Logger
	added    chan struct{} // Apply has brought hosts that may have no answer

	mu    sync.Mutex // guards the field below and what is in the hosts
	hosts map[string]*host
}

// New returns a discovery that has no nodes until Apply.
func New(resolver Resolver, log *slog.Logger) *Discovery {
	return &Discovery{resolver: resolver, log: log, added: make(chan struct{}, 1)}
}

// Apply replaces the nodes, of any number of pools, whose host names are looked up.
// Nodes of one host share its look-ups, and have its last answer when Apply returns.
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
		h.begin()
	}
	select {
	case d.added <- struct{}{}:
	default: // Run is about to look
	}
}

// ResolveNew looks up the host names of nodes that are to be applied, where Apply will
// not find an answer, and returns like Resolve. It changes the addresses of these nodes
// alone. A name that does not resolve is logged when it is applied.
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
		// Ends with the look-up, which ends by lookupTimeout.
		round.Go(func() {
			if addrs, err := d.lookUp(ctx, name); err == nil {
				setAddrs(nodes, addrs)
			}
		})
	}
	round.Wait()
}

// lastAnswer returns the last good answer for a host, nil if there is none.
func (d *Discovery) lastAnswer(name string) []netip.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	if h := d.hosts[name]; h != nil {
		return h.last
	}
	return nil
}

// Resolve looks every name up once, all at the same time, and returns when the
// last answer is in, after 8 seconds at most.
func (d *Discovery) Resolve(ctx context.Context) {
	d.resolve(ctx, func(*host) bool { return true })
}

// resolve looks up the names of the hosts that which takes.
func (d *Discovery) resolve(ctx context.Context, which func(*host) bool) {
	var round sync.WaitGroup
	d.mu.Lock()
	for _, h := range d.hosts {
		if which(h) {
			// Ends with the look-up, which ends by lookupTimeout.
			round.Go(func() { d.ask(ctx, h) })
		}
	}
	d.mu.Unlock()
	round.Wait()
}

// Run resolves at every Interval until ctx is done, and hosts without an answer as soon
// as they are applied; no look-up outlives it.
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
			d.resolve(ctx, func(h *host) bool { return h.last == nil })
		}
	}
}

// ask looks the name of a host up and tells it the answer.
func (d *Discovery) ask(ctx context.Context, h *host) {
	addrs, err := d.lookUp(ctx, h.name)
	if ctx.Err() != nil {
		return // it was cut short and says nothing
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.hosts[h.name] != h: // no node has the host any more
	case err != nil:
		h.failed(err)
	default:
		h.answered(addrs)
	}
}

// lookUp returns the addresses of a name in order. Resolvers turn the order round.
// Sessions go to the first address: sorted, it is the same on every replica and does
// not change from answer to answer.
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

// isLiteral reports whether a node is configured by its address.
func isLiteral(n *balancer.Node) bool {
	_, err := netip.ParseAddr(n.Host)
	return err == nil
}
