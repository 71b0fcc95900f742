package main

import (
	"net"
	"net/netip"
	"slices"
	"strconv"

	"mqttlb/balancer"
	"mqttlb/balancer/nodeset"
	"mqttlb/config"
)

// plannedNode is a node of a pool as it is configured, or as its source and the configuration want it.
type plannedNode struct {
	config.Node
	addrs  []netip.AddrPort // where it is, if its source has said so
	source string           // where it comes from; empty: from the configuration
}

// watchesOf returns the sources of nodes of a configuration.
func watchesOf(cfg *config.Config) (watches []nodeset.Watch) {
	for i := range cfg.Pools {
		pool := cfg.Pools[i] // a copy, which Parse keeps
		if pool.Discover == nil {
			continue
		}
		w := nodeset.Watch{Source: sourceOf(&pool), EmptyGrace: cfg.Resolver.EmptyGrace}
		if w.Kind == nodeset.File {
			w.Parse = func(data []byte) ([]nodeset.Node, error) { return fileNodes(&pool, data) }
		}
		watches = append(watches, w)
	}
	return watches
}

// sourceOf returns the source of the nodes of a pool that has one.
func sourceOf(pool *config.Pool) nodeset.Source {
	d := pool.Discover
	switch {
	case d.DNS != "":
		return nodeset.Source{Pool: pool.Name, Kind: nodeset.DNS, Name: d.DNS}
	case d.SRV != "":
		return nodeset.Source{Pool: pool.Name, Kind: nodeset.SRV, Name: d.SRV}
	}
	return nodeset.Source{Pool: pool.Name, Kind: nodeset.File, Name: d.File}
}

// fileNodes parses a file of nodes.
func fileNodes(pool *config.Pool, data []byte) ([]nodeset.Node, error) {
	parsed, err := pool.ParseNodes(pool.Discover.File, data)
	if err != nil {
		return nil, err
	}
	nodes := make([]nodeset.Node, len(parsed))
	for i, n := range parsed {
		nodes[i] = nodeset.Node{Name: n.Name, Host: n.Address.Host, Port: n.Address.Port, Weight: n.Weight, Settings: n}
	}
	return nodes, nil
}

// nodesOf returns the nodes of a pool: those of the configuration, and behind them those of its set.
func nodesOf(pool *config.Pool, set nodeset.Set) []plannedNode {
	all := make([]plannedNode, 0, len(pool.Nodes)+len(set.Nodes))
	for _, n := range pool.Nodes {
		all = append(all, plannedNode{Node: n})
	}
	for _, n := range set.Nodes {
		planned := discovered(pool.Discover, n)
		// A node that is in the configuration, too, is one node, with the settings there.
		if !slices.ContainsFunc(pool.Nodes, func(own config.Node) bool { return own.Name == planned.Name || own.Address == planned.Address }) {
			all = append(all, planned)
		}
	}
	return all
}

// discovered returns a node of a set.
func discovered(d *config.Discover, n nodeset.Node) plannedNode {
	p := plannedNode{source: d.String()}
	if settings, ok := n.Settings.(config.Node); ok { // of a file
		p.Node = settings
		return p
	}
	host, port := n.Host, n.Port
	if len(n.Addrs) > 0 {
		host, port = n.Addrs[0].String(), uint16(d.Port)
		for _, a := range n.Addrs {
			p.addrs = append(p.addrs, netip.AddrPortFrom(a, port))
		}
	}
	p.Node = config.Node{
		Name: n.Name, Address: config.Address{Network: "tcp", Host: host, Port: port}, Weight: n.Weight,
		MaxConnections: d.MaxConnections, ConnectRate: config.RateOfPool, HealthPort: d.HealthPort,
		Priority: n.Priority, Backup: d.Backup,
	}
	return p
}

// spec returns the node for package balancer, with the weight that the operator has set.
func (n *plannedNode) spec(pool *config.Pool, set operators) balancer.NodeSpec {
	return balancer.NodeSpec{
		Name: n.Name, Address: net.JoinHostPort(n.Address.Host, strconv.Itoa(int(n.Address.Port))), Addrs: n.addrs,
		Weight: set.weight(n.Name, n.Weight), MaxConnections: n.MaxConnections,
		ConnectRate: int(pool.ConnectRateOf(&n.Node)), HealthPort: uint16(n.HealthPort), Priority: n.Priority, Backup: n.Backup,
	}
}
