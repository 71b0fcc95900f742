package proxy

import (
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/web"
)

const (
	// AdminDescriptors is how many connections package admin has open at the same time, at most.
	AdminDescriptors = 96

	// leastAdmin is the same for a process with a low descriptor limit, of which the admin server gets
	// adminShare.
	leastAdmin = 24
	adminShare = 9

	// baseDescriptors are those that the process cannot do without, in addition to those of each loop and
	// listener: standard files, epoll instances, the admin server's two listeners, the log.
	baseDescriptors = 24

	// descriptorReserve is kept for health probes, look-ups, connections of the admin server, which
	// accepts one on each of its two listeners before it closes another one, and for the connections that
	// each loop accepts in place of openings before those have ended.
	descriptorReserve = 104 + AdminDescriptors + 2
)

// AdminConnections returns how many connections package admin may have open at the same time:
// AdminDescriptors, or fewer if the descriptor limit is low.
func AdminConnections() int {
	limit, err := reactor.RaiseDescriptorLimit()
	if err != nil {
		return AdminDescriptors
	}
	return int(min(AdminDescriptors, max(leastAdmin, limit/adminShare)))
}

// fitDescriptors raises the descriptor limit to its hard value and returns the number of connections
// to admit: limits.max_connections, or fewer if the descriptor limit has no room for them. A session
// has two descriptors, a connection with HTTP requests three. refusals is the number of those that may
// linger beyond it.
func (srv *Server) fitDescriptors(g *generation) (connections, refusals int64) {
	wanted := int64(g.MaxConnections)
	limit, err := reactor.RaiseDescriptorLimit()
	if err != nil {
		return wanted, refusalHeadroom
	}
	loops := int64(len(srv.engine.loops))
	base := baseDescriptors + loops*int64(2+len(g.Listeners))
	reserve := descriptorReserve + refusalHeadroom + loops*reactor.AcceptBatch
	each := int64(2)
	if g.hasHostNames() {
		reserve += loops * contendersPerLoop
	}
	secure := map[*snapshot.Pool]int{} // nodes that speak TLS, by pool
	for _, ln := range g.Listeners {
		for _, p := range ln.SessionPools() {
			if p.TLS != nil {
				secure[p] = len(p.Nodes())
			}
		}
		if ln.Protocol != snapshot.HTTP {
			continue
		}
		each = 3
		for i := range ln.Routes {
			if r := &ln.Routes[i]; !r.WebSocket {
				reserve += int64(web.IdlePerNode * len(r.Pool.Nodes()))
			}
		}
	}
	for _, nodes := range secure {
		reserve += int64(snapshot.NodeHandshakes * nodes)
	}
	need := each*wanted + base + reserve
	if wanted > 0 && uint64(need) <= limit {
		return wanted, refusalHeadroom
	}
	// With a low limit the reserve would take everything. It is needed in full only in an attack.
	spare, refusals := max(0, int64(min(limit, 1<<40))-base), int64(refusalHeadroom)
	if reserve > spare/3 {
		reserve = spare / 3
		refusals = max(min(refusalHeadroom, reserve/4), 1)
	}
	connections = max((spare-reserve)/each, 1)
	if wanted > 0 {
		connections = min(connections, wanted)
	}
	before := srv.current.Load()
	if wanted > 0 && connections < wanted && (before == nil || before.maxConnections != connections || int64(before.MaxConnections) != wanted) {
		srv.log.Warn("limits.max_connections does not fit into the descriptor limit (ulimit -Hn): fewer connections are taken",
			"max_connections", wanted, "descriptors_needed", need, "descriptor_limit", limit, "taken", connections)
	}
	return connections, refusals
}

// hasHostNames reports whether a node of sessions may have several addresses.
func (g *generation) hasHostNames() bool {
	for _, p := range g.sessionPools {
		for _, n := range p.Nodes() {
			if !n.IsLiteral() {
				return true
			}
		}
	}
	return false
}
