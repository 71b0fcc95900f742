package main

import (
	"errors"
	"log/slog"

	"mqttlb/balancer"
	"mqttlb/balancer/health"
	"mqttlb/balancer/nodeset"
	"mqttlb/config"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlv"
)

// addPool adds a pool, by its index. If the plan before has a pool of its name, the nodes and health
// checks carry on.
func (p *plan) addPool(i int, before *plan, log *slog.Logger) (*snapshot.Pool, error) {
	c := &p.config.Pools[i]
	spec := balancer.PoolSpec{
		Name: c.Name, MaxLoad: float64(c.MaxLoad), Outliers: c.Outliers == config.On,
		SlowStart: c.SlowStart, Queue: balancer.Queue{Size: int(c.Queue.Size), Time: c.Queue.Time},
	}
	var err error
	if spec.Algorithm, err = balancer.ParseAlgorithm(string(c.Algorithm)); err != nil {
		return nil, err
	}
	if spec.Algorithm == balancer.ConsistentHash {
		if spec.HashKey, err = balancer.ParseHashKey(string(c.HashKey)); err != nil {
			return nil, err
		}
	}
	set := nodeset.Set{Known: true}
	if c.Discover != nil {
		set = p.sets.Find(sourceOf(c))
		p.used[sourceOf(c)] = set
	}
	nodes := nodesOf(c, set)
	for i := range nodes {
		spec.Nodes = append(spec.Nodes, nodes[i].spec(c, p.operators))
	}
	p.planned[c.Name] = nodes
	b, err := balancer.NewPool(spec)
	if err != nil {
		return nil, err
	}
	p.registry.Join(b)
	pool := &snapshot.Pool{
		Pool:           b,
		Undiscovered:   !set.Known,
		WebSocket:      c.Protocol == config.WS,
		ForwardHeaders: c.ForwardHeaders,
		RemoveHeaders:  snapshot.HeaderNames(c.RemoveHeaders),
		Cookie:         c.Cookie,
		RebalanceRate:  int(c.Rebalance),
		TakeOver:       c.Takeover == config.TakeoverLocal,
	}
	if pool.WebSocket && c.Path != config.PathKeep {
		pool.Path = c.Path
	}
	if f := c.Confirm; f != nil {
		pool.Confirm = snapshot.Confirm{Attempts: f.Attempts, Time: f.Time, Silence: f.Silence == config.SilenceRetry}
	}
	if c.RemovedNodes == config.DrainRemoved {
		pool.RemovedNodesRate = c.DrainRate
	}
	if c.WhenDown == config.CloseDown {
		pool.DownNodesRate = c.DrainRate
	}
	switch c.ProxyProtocol {
	case config.ProxyOff, config.ProxyAccept: // the latter is for listeners
	case config.ProxyV1:
		pool.SendProxy = 1
	case config.ProxyV2:
		pool.SendProxy = 2
		pool.ForwardTLVs = kindsOf(c.ForwardTLVs)
	}
	p.addSource(pool, c, before, log)
	var tlsErr error
	if c.TLS != nil {
		tlsErr = p.addNodeTLS(pool, c.TLS, ofPool(i, c), before, log)
	}
	check, checkErr := p.checkOf(i, pool, before, log)
	if err := errors.Join(tlsErr, checkErr); err != nil {
		return nil, err
	}
	checker := before.checkers[c.Name]
	if checker == nil {
		checker = health.NewChecker(log)
	}
	pool.DialFailed = checker.Failed
	p.checkers[c.Name] = checker
	p.workers = append(p.workers, checker)
	p.afterApply = append(p.afterApply, func() error { checker.Apply(b, check); return nil })
	p.pools = append(p.pools, pool)
	return pool, nil
}

// kindsOf returns the TLVs that a pool passes on.
func kindsOf(forward []config.ForwardTLV) (kinds tlv.Kinds) {
	for _, f := range forward {
		switch f {
		case config.TLVAuthority:
			kinds |= tlv.Authority
		case config.TLVUniqueID:
			kinds |= tlv.UniqueID
		case config.TLVSSL:
			kinds |= tlv.SSL
		}
	}
	return kinds
}
