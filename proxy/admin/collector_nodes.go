package admin

import (
	"time"

	"mqttlb/balancer"
	"mqttlb/balancer/health"
	"mqttlb/proxy/snapshot"
)

var (
	tierInUse = newGauge("pool_tier_in_use", "Which nodes of a pool new sessions go to, by priority, the backups last: 1 the first, 2 those after them; 0: no node is up.", "pool")

	nodeState   = newGauge("node_state", "1 for the state that a node is in, 0 for the others.", "pool", "node", "state")
	nodeHealth  = newGauge("node_health", "1 for what the health checks say of a node, 0 for the other states, whatever the operator has said about it.", "pool", "node", "state")
	nodeHealthy = newGauge("node_healthy", "1 while the health checks find a node good, whatever the operator has said about it.", "pool", "node")
	nodeWeight  = newGauge("node_weight", "The weight of a node in force.", "pool", "node")
	nodeOpen    = newGauge("node_connections", "Connections that count against a node's max_connections, those being dialled included.", "pool", "node")
	nodeMax     = newGauge("node_max_connections", "A node's max_connections; no series where there is no limit.", "pool", "node")

	nodeOutlier    = newGauge("node_outlier_seconds", "How long a node that fails far more than its peers will still be tried after them; 0: it is no outlier.", "pool", "node")
	nodeOverloaded = newGauge("node_overloaded", "1 while a node is over the max_load of its pool.", "pool", "node")
	nodeRate       = newGauge("node_connect_rate", "New sessions that a node gets in a second, as configured; no series where there is no limit.", "pool", "node")
	nodeRamp       = newGauge("node_ramp_ratio", "The part of its load that a node should take now: it rises from 0 to 1 during pools[].slow_start.", "pool", "node")
	nodeQueue      = newGauge("node_sessions_waiting", "Sessions that wait until a node takes them within its connect_rate.", "pool", "node")
	nodeWaits      = newCounter("node_waits_total", "Sessions that have waited until a node took them within its connect_rate.", "pool", "node")
	nodeWaited     = newCounter("node_waits_seconds_total", "How long these sessions have waited altogether.", "pool", "node")

	nodeAddressUp     = newGauge("node_address_up", "1 while the health checks find a node up at one of its addresses; no series for nodes that have one address.", "pool", "node", "address")
	nodeProbes        = newCounter("node_probes_total", "Health probes of a node, by how they ended.", "pool", "node", "result")
	nodeProbeDuration = newGauge("node_probe_duration_seconds", "How long the last health probe of a node took.", "pool", "node")
	nodeProbeLast     = newGauge("node_probe_last_timestamp_seconds", "When the last health probe of a node ended, in Unix time.", "pool", "node")
	nodeHealthChange  = newGauge("node_health_change_timestamp_seconds", "When the health checks last changed their verdict on a node, in Unix time.", "pool", "node")
)

// states are the states of a node, in each of which it is at a time.
var states = [...]balancer.State{balancer.Up, balancer.Draining, balancer.Down}

// nodes sends the state and the load of each node.
func (s scrape) nodes(pools []*snapshot.Pool) {
	for _, p := range pools {
		_, place := p.InUse()
		s.gauge(tierInUse, float64(place), p.Name)
		for _, n := range p.Nodes() {
			is, health := n.State(), n.Health()
			for _, state := range states {
				s.flag(nodeState, state == is, p.Name, n.Name, state.String())
				s.flag(nodeHealth, state == health, p.Name, n.Name, state.String())
			}
			s.flag(nodeHealthy, n.Health() == balancer.Up, p.Name, n.Name)
			s.gauge(nodeOutlier, n.OutlierFor().Seconds(), p.Name, n.Name)
			s.flag(nodeOverloaded, n.Overloaded(), p.Name, n.Name)
			s.gauge(nodeWeight, float64(n.Weight), p.Name, n.Name)
			s.gauge(nodeOpen, float64(n.Open()), p.Name, n.Name)
			if n.MaxConnections > 0 {
				s.gauge(nodeMax, float64(n.MaxConnections), p.Name, n.Name)
			}
			s.gauge(nodeRamp, n.Ramp(), p.Name, n.Name)
			if n.ConnectRate > 0 {
				s.pace(p.Name, n)
			}
		}
	}
}

// pace sends how sessions come to a node with a rate.
func (s scrape) pace(pool string, n *balancer.Node) {
	sessions, altogether := n.Waits()
	s.gauge(nodeRate, float64(n.ConnectRate), pool, n.Name)
	s.gauge(nodeQueue, float64(n.Waiting()), pool, n.Name)
	s.count(nodeWaits, sessions, pool, n.Name)
	s.seconds(nodeWaited, altogether, pool, n.Name)
}

// probes sends what the health checks have found, by pool.
func (s scrape) probes(pools map[string][]health.Status) {
	for pool, nodes := range pools {
		for i := range nodes {
			h := &nodes[i]
			name := h.Node.Name
			s.count(nodeProbes, h.Passed, pool, name, "passed")
			s.count(nodeProbes, h.Draining, pool, name, "draining")
			s.count(nodeProbes, h.Failed, pool, name, "failed")
			s.count(nodeProbes, h.Short, pool, name, "not_made")
			for _, at := range h.Addresses {
				s.flag(nodeAddressUp, at.State == balancer.Up, pool, name, at.Addr.String())
			}
			if !h.Last.IsZero() {
				s.gauge(nodeProbeDuration, h.Took.Seconds(), pool, name)
				s.gauge(nodeProbeLast, unixTime(h.Last), pool, name)
			}
			if !h.Since.IsZero() {
				s.gauge(nodeHealthChange, unixTime(h.Since), pool, name)
			}
		}
	}
}

// unixTime returns a time in seconds since 1970.
func unixTime(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }
