package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"mqttlb/balancer"
	"mqttlb/balancer/discovery"
	"mqttlb/balancer/health"
	"mqttlb/config"
	"mqttlb/proxy/snapshot"
)

// plan is what a configuration means at run time.
type plan struct {
	snapshot snapshot.Snapshot
	pools    []*snapshot.Pool
	// attendants keep the pools up to date: health checks and name lookups.
	// Each runs until its context is done.
	attendants []func(context.Context)
	reloads    []func() error       // of the files of TLS
	names      *discovery.Discovery // the addresses of nodes that have a host name
	warnings   []string             // of files that can be used and should not stay as they are
}

// newPlan makes a plan of a configuration. It starts nothing and opens nothing but
// the files of TLS. The error is joined of all that is wrong.
func newPlan(cfg *config.Config, log *slog.Logger) (*plan, error) {
	p := &plan{snapshot: snapshot.Snapshot{
		MaxConnections:           cfg.Limits.MaxConnections,
		ConnectRate:              cfg.Limits.ConnectRate,
		MaxConnectionsPerAddress: cfg.Limits.MaxConnectionsPerAddress,
		ConnectRatePerAddress:    cfg.Limits.ConnectRatePerAddress,
		MaxConnectSize:           cfg.Limits.MaxConnectSize,
		Timeouts: snapshot.Timeouts{
			ConnectPacket: cfg.Timeouts.ConnectPacket,
			Dial:          cfg.Timeouts.Dial,
			ConnectNode:   cfg.Timeouts.ConnectNode,
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
	}}
	pools := make(map[string]*snapshot.Pool)
	var nodes []*balancer.Node
	var errs []error
	for i := range cfg.Pools {
		pool, err := p.addPool(&cfg.Pools[i], log)
		if err != nil {
			errs = append(errs, within("pool", cfg.Pools[i].Name, err))
			continue
		}
		pools[cfg.Pools[i].Name] = pool
		nodes = append(nodes, pool.Nodes()...)
	}
	p.names = discovery.New(nodes, net.DefaultResolver, log)
	p.attendants = append(p.attendants, p.names.Run)
	for _, l := range cfg.Listeners {
		ln := &snapshot.Listener{
			Name:           l.Name,
			Network:        l.Address.Network,
			Address:        l.Address.String(),
			Protocol:       protocols[l.Protocol],
			Pool:           pools[l.Pool],
			AcceptProxy:    l.ProxyProtocol == config.ProxyAccept,
			Trusted:        l.TrustedProxies,
			MaxConnections: l.MaxConnections,
			Hosts:          l.AllowedHosts,
			Routes:         routes(&l, pools),
		}
		if l.TLS != nil {
			t, err := newTLS(l.TLS, log)
			if err != nil {
				errs = append(errs, within("listener", l.Name, err))
				continue
			}
			p.warn("listener", l.Name, t.Terminator.Warnings())
			ln.TLS = t
			p.attendants = append(p.attendants, t.Terminator.Run)
			p.reloads = append(p.reloads, t.Terminator.Reload)
		}
		if l.Address.Network == "unix" {
			ln.Address = l.Address.Path
		}
		p.snapshot.Listeners = append(p.snapshot.Listeners, ln)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return p, nil
}

// warn says of each warning what has it: a listener or a pool.
func (p *plan) warn(what, name string, warnings []string) {
	for _, warning := range warnings {
		p.warnings = append(p.warnings, fmt.Sprintf("%s %q: %s", what, name, warning))
	}
}

// within says of each error in err what has it: a listener or a pool.
func within(what, name string, err error) error {
	var errs []error
	for _, e := range each(err) {
		errs = append(errs, fmt.Errorf("%s %q: %w", what, name, e))
	}
	return errors.Join(errs...)
}

// each returns the errors that are joined in err, in one or more layers. What has
// words around joined errors is one error.
func each(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var errs []error
	for _, e := range joined.Unwrap() {
		errs = append(errs, each(e)...)
	}
	return errs
}

// protocols are those of listeners, in the words of package proxy.
var protocols = map[config.Protocol]snapshot.Protocol{
	config.MQTT: snapshot.MQTT, config.TCP: snapshot.TCP, config.WS: snapshot.WS, config.HTTP: snapshot.HTTP,
	config.Passthrough: snapshot.Passthrough,
}

// routes are what a listener's requests go by; none where it knows no requests.
func routes(l *config.Listener, pools map[string]*snapshot.Pool) []snapshot.Route {
	switch l.Protocol {
	case config.WS:
		return []snapshot.Route{{Path: l.Path, Pool: pools[l.Pool], WebSocket: true, Origins: l.AllowedOrigins}}
	case config.HTTP:
		var all []snapshot.Route
		for _, r := range l.Routes {
			all = append(all, snapshot.Route{
				Host: r.Host, Path: r.Path, Pool: pools[r.Pool], WebSocket: r.Protocol == config.WS, Origins: r.AllowedOrigins,
			})
		}
		return append(all, snapshot.Route{Pool: pools[l.Pool]}) // takes the rest
	case config.Passthrough:
		var all []snapshot.Route
		for _, r := range l.Routes {
			all = append(all, snapshot.Route{Host: r.Host, Pool: pools[r.Pool]})
		}
		return all
	default:
		return nil
	}
}

func (p *plan) addPool(c *config.Pool, log *slog.Logger) (*snapshot.Pool, error) {
	spec := balancer.PoolSpec{Name: c.Name}
	var err error
	if spec.Algorithm, err = balancer.ParseAlgorithm(string(c.Algorithm)); err != nil {
		return nil, err
	}
	if spec.Algorithm == balancer.ConsistentHash {
		if spec.HashKey, err = balancer.ParseHashKey(string(c.HashKey)); err != nil {
			return nil, err
		}
	}
	for _, n := range c.Nodes {
		spec.Nodes = append(spec.Nodes, balancer.NodeSpec{
			Name: n.Name, Address: n.Address.String(), Weight: n.Weight, MaxConnections: n.MaxConnections,
		})
	}
	b, err := balancer.NewPool(spec)
	if err != nil {
		return nil, err
	}
	pool := &snapshot.Pool{
		Pool:           b,
		WebSocket:      c.Protocol == config.WS,
		ForwardHeaders: c.ForwardHeaders,
		Cookie:         c.Cookie,
	}
	switch c.ProxyProtocol {
	case config.ProxyOff, config.ProxyAccept: // the latter is for listeners
	case config.ProxyV1:
		pool.SendProxy = 1
	case config.ProxyV2:
		pool.SendProxy = 2
	}
	if c.TLS != nil {
		if err := p.addNodeTLS(pool, c.TLS, log); err != nil {
			return nil, err
		}
	}
	probe, err := health.ParseProbe(string(c.Health.Probe))
	if err != nil {
		return nil, err
	}
	check := health.Check{
		Probe:         probe,
		Interval:      c.Health.Interval,
		Timeout:       c.Health.Timeout,
		Rise:          c.Health.Rise,
		Fall:          c.Health.Fall,
		ProxyProtocol: uint8(pool.SendProxy),
		Method:        c.Health.Method,
		Path:          c.Health.Path,
		Host:          c.Health.Host,
		Status:        c.Health.Status,
		Port:          uint16(c.Health.Port),
	}
	if pool.TLS != nil {
		check.Secure = pool.TLS.Secure
	}
	checker := health.NewChecker(b, check, log)
	pool.DialFailed = checker.Failed
	p.attendants = append(p.attendants, checker.Run)
	p.pools = append(p.pools, pool)
	return pool, nil
}
