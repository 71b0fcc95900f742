package admin

import (
	"slices"

	"mqttlb/balancer"
	"mqttlb/proxy/admin/api"
	"mqttlb/proxy/snapshot"
)

var (
	nodeOperator   = newGauge("node_operator", "1 for the operator's word about a node, 0 for the others.", "node", "word")
	nodeConfigured = newGauge("node_weight_configured", "The weight of a node in the configuration.", "pool", "node")

	drainLeft = newGauge("node_drain_sessions_left", "While a node drains: sessions that are still on it.", "node")
	drainTold = newGauge("node_drain_sessions_told", "While a node drains: sessions that were told to leave since the drain began.", "node")
	drainRate = newGauge("node_drain_sessions_per_second", "While a node drains: the pace of the sessions that leave; 0: they stay until they end.", "node")
)

// words are the operator's words about a node, of which one is true at a time.
var words = map[balancer.State]api.OperatorState{
	balancer.Up: api.Enabled, balancer.Draining: api.Draining, balancer.Down: api.Disabled,
}

// operators sends what an operator has said about each node, and the drains in progress.
func (s scrape) operators(nodes []api.Node) {
	for i := range nodes {
		n := &nodes[i]
		for _, word := range words {
			s.flag(nodeOperator, word == n.Operator.State, n.Name, string(word))
		}
		for _, in := range n.Pools {
			s.gauge(nodeConfigured, float64(in.ConfiguredWeight), in.Pool, n.Name)
		}
		if d := n.Drain; d != nil {
			s.gauge(drainLeft, float64(d.Left), n.Name)
			s.gauge(drainTold, float64(d.Leaving), n.Name)
			s.gauge(drainRate, d.PerSecond, n.Name)
		}
	}
}

// unset returns the nodes of the pools where nobody can change them.
func unset(pools []*snapshot.Pool) []api.Node {
	var all []api.Node
	for _, p := range pools {
		for _, n := range p.Nodes() {
			i := slices.IndexFunc(all, func(known api.Node) bool { return known.Name == n.Name })
			if i < 0 {
				i = len(all)
				all = append(all, api.Node{Name: n.Name, Operator: api.NodeOperator{State: words[n.Operator()]}})
			}
			all[i].Pools = append(all[i].Pools, api.NodeInPool{Pool: p.Name, ConfiguredWeight: n.Weight})
		}
	}
	return all
}
