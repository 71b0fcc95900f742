package proxy

import (
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/web"
)

// AdminDescriptors is how many connections package admin has open at the same time, at most.
const AdminDescriptors = 96

// descriptorReserve is kept for listeners, epoll instances, logs, health probes and the admin server,
// in addition to the descriptors of each loop and listener. The admin server accepts one connection on
// each of its two listeners before it closes another one.
const descriptorReserve = 128 + AdminDescriptors + 2

// fitDescriptors raises the descriptor limit to its hard value and returns the number of connections
// to admit: limits.max_connections, or fewer if the descriptor limit has no room for them. A session
// has two descriptors, a connection with HTTP requests three.
func (srv *Server) fitDescriptors(g *generation) int64 {
	wanted := int64(g.MaxConnections)
	limit, err := reactor.RaiseDescriptorLimit()
	if err != nil {
		return wanted
	}
	reserve := int64(descriptorReserve + refusalHeadroom + len(srv.engine.loops)*(2+len(g.Listeners)))
	each := int64(2)
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
	need := each*wanted + reserve
	if wanted > 0 && uint64(need) <= limit {
		return wanted
	}
	// With a low limit the reserves would take everything. They are needed in full only in an attack.
	all := int64(min(limit, 1<<40))
	fits := max((all-reserve)/each, all/8/each, 1)
	before := srv.current.Load()
	if wanted > 0 && (before == nil || before.maxConnections != fits || int64(before.MaxConnections) != wanted) {
		srv.log.Warn("limits.max_connections does not fit into the descriptor limit: fewer connections are taken",
			"max_connections", wanted, "descriptors_needed", need, "descriptor_limit", limit, "taken", fits)
	}
	return fits
}
