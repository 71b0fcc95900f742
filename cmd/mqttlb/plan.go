package main

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"mqttlb/balancer"
	"mqttlb/balancer/discovery"
	"mqttlb/balancer/dns"
	"mqttlb/balancer/health"
	"mqttlb/balancer/nodeset"
	"mqttlb/config"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/source"
)

// plan holds the run-time objects of a configuration. A plan reuses the objects that the plan before it has under the same
// names: node state, health checks, DNS look-ups, handshake gates, and the keys and sessions for TLS resumption.
type plan struct {
	snapshot snapshot.Snapshot
	pools    []*snapshot.Pool // in the order of the configuration

	config    *config.Config
	operators operators // set at run time for its nodes

	registry *balancer.Registry
	stub     *dns.Stub                      // asks DNS
	names    *discovery.Discovery           // resolves the host names of nodes
	sets     *nodeset.Sets                  // the nodes that pools discover
	used     map[nodeset.Source]nodeset.Set // the sets of this plan
	planned  map[string][]plannedNode       // the nodes of each pool, in the order of its Nodes; by its name
	sources  *source.Book
	checkers map[string]*health.Checker
	tls      map[string]*listenerTLS // by the listener's name
	nodeTLS  map[string]*poolTLS     // by the pool's name
	probeTLS map[string]*poolTLS     // of health.tls, by the pool's name
	admin    *adminPlan

	openSecrets []config.Error // warnings about files with secrets of health checks

	again bool // its configuration is in force already: its warnings are known, and nobody waits for names

	required []*snapshot.Pool // the process is ready only while each of them has a node that is up
	lameDuck time.Duration    // timeouts.lame_duck

	// workers run while the plan is in force, and go on if the next plan lists them, too.
	workers []worker
	// afterApply brings the workers up to date, after the server has applied the snapshot. An error names a file that
	// cannot be used; the content read before stays in force.
	afterApply []func() error
	// readAgain reads the files of objects that were taken over, like afterApply and with the same errors.
	readAgain []func() error
}

// newPlan makes the plan of a configuration, in which nodes have the weights that operators have set. It takes over objects
// from before, which is nil at the start. It starts and changes nothing, and opens only the TLS files. The error joins
// everything that is wrong.
func newPlan(cfg *config.Config, before *plan, set operators, log *slog.Logger) (*plan, error) {
	if before == nil {
		stub := dns.NewStub(resolverOf(&cfg.Resolver))
		before = &plan{registry: new(balancer.Registry), sources: new(source.Book), stub: stub, names: discovery.New(stub, log), sets: nodeset.New(stub, log)}
	}
	p := &plan{
		registry: before.registry, sources: before.sources, stub: before.stub, names: before.names, sets: before.sets,
		snapshot: snapshotOf(cfg), lameDuck: cfg.Timeouts.LameDuck, config: cfg, operators: set,
	}
	p.checkers, p.tls, p.nodeTLS = map[string]*health.Checker{}, map[string]*listenerTLS{}, map[string]*poolTLS{}
	p.probeTLS = map[string]*poolTLS{}
	p.used, p.planned = map[nodeset.Source]nodeset.Set{}, map[string][]plannedNode{}
	p.workers = append(p.workers, p.names, p.sets)
	pools := make(map[string]*snapshot.Pool)
	var errs []error
	for i := range cfg.Pools {
		pool, err := p.addPool(i, before, log)
		if err != nil {
			errs = append(errs, nameErrors("pool", cfg.Pools[i].Name, err))
			continue
		}
		pools[cfg.Pools[i].Name] = pool
	}
	common := ruleListOf(cfg.Rules)
	for i := range cfg.Listeners {
		l := &cfg.Listeners[i]
		ln := listenerOf(l, pools)
		ln.Reserve = int(cfg.ReserveOf(l))
		ln.Rules = rulesOf(common, l)
		if l.TLS != nil {
			var err error
			if ln.TLS, err = p.addTLS(i, before, log); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		p.snapshot.Listeners = append(p.snapshot.Listeners, ln)
	}
	if err := p.addAdmin(&cfg.Admin, before, log); err != nil {
		errs = append(errs, err)
	}
	p.snapshot.UnusedPools = slices.DeleteFunc(slices.Clone(p.pools), p.isUsed)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, c := range cfg.Pools {
		if pool := pools[c.Name]; c.Readiness && p.isUsed(pool) {
			p.required = append(p.required, pool)
		}
	}
	p.afterApply = append(p.afterApply, func() error { p.applyNames(); return nil })
	return p, nil
}

// isUsed reports whether a listener uses the pool.
func (p *plan) isUsed(pool *snapshot.Pool) bool {
	return slices.ContainsFunc(p.snapshot.Listeners, func(ln *snapshot.Listener) bool {
		return ln.Pool == pool || slices.ContainsFunc(ln.Routes, func(r snapshot.Route) bool { return r.Pool == pool })
	})
}

// nodes returns the nodes of all pools.
func (p *plan) nodes() []*balancer.Node {
	var nodes []*balancer.Node
	for _, pool := range p.pools {
		nodes = append(nodes, pool.Nodes()...)
	}
	return nodes
}

// snapshotOf returns the limits and timeouts of a configuration, without its listeners.
func snapshotOf(cfg *config.Config) snapshot.Snapshot {
	return snapshot.Snapshot{
		MaxConnections:           cfg.Limits.MaxConnections,
		ConnectRate:              cfg.Limits.ConnectRate,
		MaxConnectionsPerAddress: cfg.Limits.MaxConnectionsPerAddress,
		ConnectRatePerAddress:    cfg.Limits.ConnectRatePerAddress,
		MaxConnectSize:           cfg.Limits.MaxConnectSize,
		ClientID:                 clientIDLimitOf(&cfg.Limits),
		Bans:                     bansOf(cfg.Bans),
		Timeouts: snapshot.Timeouts{
			ConnectPacket: cfg.Timeouts.ConnectPacket,
			Dial:          cfg.Timeouts.Dial,
			ConnectNode:   cfg.Timeouts.ConnectNode,
			Connack:       cfg.Timeouts.Connack,
			Idle:          cfg.Timeouts.Idle,
			HalfClosed:    cfg.Timeouts.HalfClosed,
			Write:         cfg.Timeouts.Write,
			Shutdown:      cfg.Timeouts.Shutdown,
			Response:      cfg.Timeouts.Response,
			KeepAlive:     cfg.Timeouts.KeepAlive,
			RequestBody:   cfg.Timeouts.RequestBody,
			Tunnel:        cfg.Timeouts.Tunnel,
		},
		MaxHeaderSize:  cfg.Limits.MaxHeaderSize,
		MaxRequestSize: int64(cfg.Limits.MaxRequestSize),
		OpeningMemory:  int64(cfg.Limits.OpeningMemory),
		MinBodyRate:    cfg.Limits.MinBodyRate,
		SocketBuffer:   int(cfg.Limits.SocketBuffer),
		LogRate:        int(cfg.Log.Sample),
	}
}

// listenerOf returns the run-time form of a listener, without its TLS.
func listenerOf(l *config.Listener, pools map[string]*snapshot.Pool) *snapshot.Listener {
	ln := &snapshot.Listener{
		Name:           l.Name,
		Network:        l.Address.Network,
		Address:        l.Address.String(),
		Protocol:       protocols[l.Protocol],
		Pool:           pools[l.Pool],
		AcceptProxy:    l.ProxyProtocol == config.ProxyAccept,
		ForwardedFor:   l.ClientAddress == config.FromForwardedFor,
		Trusted:        l.TrustedProxies,
		MaxConnections: l.MaxConnections,
		Tolerant:       l.Validity == config.Tolerant,
		SinglePackets:  l.WebSocketPackets == config.SinglePackets,
		Hosts:          l.AllowedHosts,
		Routes:         routesOf(l, pools),
	}
	if l.Address.Network == "unix" {
		ln.Address = l.Address.Path
	}
	ln.IndexRoutes()
	return ln
}

// logWarnings logs the warnings about the configuration and its files, and returns them.
func (p *plan) logWarnings(log *slog.Logger) (all []string) {
	if p.again {
		return nil
	}
	for _, warning := range append(p.sourceWarnings(), p.config.Warnings...) {
		log.Warn("the configuration", "warning", warning.Error())
		all = append(all, warning.Error())
	}
	for _, warning := range p.warnings() {
		log.Warn("a file needs attention", "warning", warning.Error())
		all = append(all, warning.Error())
	}
	return all
}

// warnings describes files that can be used but need attention.
func (p *plan) warnings() (all []config.Error) {
	for i := range p.config.Listeners {
		if l := &p.config.Listeners[i]; p.tls[l.Name] != nil {
			all = append(all, p.placeWarnings(ofListener(i, l), p.tls[l.Name].Terminator.Warnings())...)
		}
	}
	all = append(all, p.admin.warned...)
	if p.admin.tls != nil {
		all = append(all, p.placeWarnings(ofAdmin(&p.config.Admin), p.admin.tls.Warnings())...)
	}
	for i := range p.config.Pools {
		pool := &p.config.Pools[i]
		if t := p.nodeTLS[pool.Name]; t != nil {
			all = append(all, p.placeWarnings(ofPool(i, pool), t.Originator.Warnings())...)
		}
		if t := p.probeTLS[pool.Name]; t != nil {
			all = append(all, p.placeWarnings(ofProbes(i, pool), t.Originator.Warnings())...)
		}
	}
	return append(all, p.openSecrets...)
}

// nameErrors adds the name of the listener or pool to each error in err that has no place in the configuration.
func nameErrors(what, name string, err error) error {
	if err == nil {
		return nil
	}
	var errs []error
	for _, e := range splitErrors(err) {
		if _, placed := errors.AsType[config.Error](e); !placed {
			e = fmt.Errorf("%s %q: %w", what, name, e)
		}
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}

// splitErrors returns the errors that are joined in err, at any depth. An error with
// text around joined errors counts as one.
func splitErrors(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var errs []error
	for _, e := range joined.Unwrap() {
		errs = append(errs, splitErrors(e)...)
	}
	return errs
}

// protocols maps the protocols of listeners to those of package snapshot.
var protocols = map[config.Protocol]snapshot.Protocol{
	config.MQTT: snapshot.MQTT, config.TCP: snapshot.TCP, config.WS: snapshot.WS, config.HTTP: snapshot.HTTP,
	config.Passthrough: snapshot.Passthrough,
}

// protocolName returns the name of a protocol in the configuration.
func protocolName(p snapshot.Protocol) string {
	for name, protocol := range protocols {
		if protocol == p {
			return string(name)
		}
	}
	return ""
}
