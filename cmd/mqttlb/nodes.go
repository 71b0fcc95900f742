package main

import (
	"maps"
	"slices"
	"time"

	"mqttlb/balancer"
	"mqttlb/balancer/health"
	"mqttlb/proxy"
	"mqttlb/proxy/admin/api"
)

// nodes returns the nodes of all pools in the order of the configuration, and then those that have only
// settings or leaving sessions. It may be called from any goroutine.
func (m *manager) nodes() api.Nodes {
	p, set, drains := m.plan(), *m.operators.Load(), m.drainer.Drains()
	list := &nodeList{at: map[string]int{}, nodes: []api.Node{}}
	for _, pool := range p.pools {
		status := map[string]health.Status{}
		for _, s := range p.checkers[pool.Name].Status() {
			status[s.Node.Name] = s
		}
		for j, n := range pool.Nodes() {
			node := list.node(n.Name)
			node.Pools = append(node.Pools, nodeInPool(pool.Name, n, &p.planned[pool.Name][j], status[n.Name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if _, known := list.at[name]; known || !set[name].unset() {
			list.node(name).Operator = nodeOperator(set[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(drains)) {
		list.node(name).Drain = drainOf(drains[name])
	}
	return api.Nodes{Nodes: list.nodes}
}

// node returns one node of nodes, or a node without pools if there is none of that name.
func (m *manager) node(name string) api.Node {
	for _, n := range m.nodes().Nodes {
		if n.Name == name {
			return n
		}
	}
	return *(&nodeList{at: map[string]int{}}).node(name)
}

// nodeList collects nodes by name.
type nodeList struct {
	nodes []api.Node
	at    map[string]int
}

// node returns the node of a name, which is added if it is new. The pointer is valid until the next
// call.
func (l *nodeList) node(name string) *api.Node {
	i, known := l.at[name]
	if !known {
		i = len(l.nodes)
		l.at[name] = i
		l.nodes = append(l.nodes, api.Node{Name: name, Operator: api.NodeOperator{State: api.Enabled}, Pools: []api.NodeInPool{}})
	}
	return &l.nodes[i]
}

func nodeInPool(pool string, n *balancer.Node, planned *plannedNode, s health.Status) api.NodeInPool {
	in := api.NodeInPool{
		Pool: pool, Address: n.Address, State: n.State().String(), Health: n.Health().String(), Healthy: n.Health() == balancer.Up, Since: timeOf(s.Since), ProbeSeconds: s.Took.Seconds(),
		Weight: n.Weight, ConfiguredWeight: planned.Weight, Source: planned.source, Connections: n.Open(), MaxConnections: n.MaxConnections,
		ConnectRate: n.ConnectRate, Waiting: n.Waiting(), Ramp: n.Ramp(),
	}
	in.Priority, in.Backup = int(n.Precedence.Priority), n.Precedence.Backup
	in.Overloaded, in.Unanswered = n.Overloaded(), n.UnansweredTotal()
	in.Mute, _ = n.Mute()
	if left := n.OutlierFor(); left > 0 {
		in.OutlierUntil = timeOf(time.Now().Add(left))
	}
	if s.Err != nil {
		in.Reason = s.Err.Error()
	}
	in.Warning = s.Warning
	in.Addresses = nodeAddresses(n, s.Addresses)
	return in
}

// nodeAddresses returns the addresses of a node that has several, in the order in which they are dialled. Those that were
// not probed yet have the health of the node.
func nodeAddresses(n *balancer.Node, probed []health.AddressStatus) (all []api.NodeAddress) {
	order := n.DialOrder()
	if len(order) < 2 {
		return nil
	}
	open := n.OpenAt()
	for _, addr := range order {
		at := api.NodeAddress{Address: addr.String(), Health: n.Health().String(), Connections: open[addr]}
		if i := slices.IndexFunc(probed, func(s health.AddressStatus) bool { return s.Addr == addr }); i >= 0 {
			s := &probed[i]
			at.Health, at.Since, at.ProbeSeconds = s.State.String(), timeOf(s.Since), s.Took.Seconds()
			if s.Err != nil {
				at.Reason = s.Err.Error()
			}
		}
		all = append(all, at)
	}
	return all
}

func nodeOperator(s nodeSettings) api.NodeOperator {
	return api.NodeOperator{State: s.State, Weight: s.Weight, Since: timeOf(s.Since)}
}

func drainOf(p proxy.DrainProgress) *api.Drain {
	return &api.Drain{
		Cause: p.Cause, Began: p.Began, Sessions: p.Sessions, Left: p.Left, Leaving: p.Leaving, PerSecond: p.PerSecond, Remaining: p.Remaining.Seconds(),
	}
}

// timeOf returns t for a field that is left out if there is no time.
func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
