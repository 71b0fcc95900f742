package proxy

import (
	"mqttlb/balancer"
	"mqttlb/proxy/snapshot"
)

// nodeNames returns the names of the generation's nodes.
func (g *generation) nodeNames() map[nodeName]bool {
	names := map[nodeName]bool{}
	for _, p := range g.sessionPools {
		for _, n := range p.Nodes() {
			names[nodeName{p.Name, n.Name}] = true
		}
	}
	return names
}

// continueDrains cancels the drains of removed nodes that are back in the generation, and of nodes
// whose pool does not want them any more. The others get their nodes and paces. It is called before a
// client can reach a node of g. present are the nodes of g.
func (srv *Server) continueDrains(g *generation, present map[nodeName]bool) {
	ds := srv.drains
	ds.mu.Lock()
	defer ds.mu.Unlock()
	for _, d := range ds.all {
		p := g.sessionPools[d.name.pool]
		switch d.cause {
		case byOperator:
			d.setNodes(g)
		case removedNode:
			if p != nil {
				d.setPace(p.RemovedNodesRate)
			}
			if present[d.name] || d.pace.None() {
				ds.cancel(d)
			}
		case downNode:
			if p == nil || p.DownNodesRate == 0 || !present[d.name] {
				ds.cancel(d)
			}
		}
	}
	ds.wakeUp()
}

// setNodes notes the nodes of an operator's drain in a generation. Nodes of pools that it does not have
// stay, since they may have sessions.
func (d *drain) setNodes(g *generation) {
	for pool, p := range g.sessionPools {
		for _, n := range p.Nodes() {
			if n.Name == d.name.node {
				d.nodes[pool] = n
			}
		}
	}
}

// setPace changes the pace of a drain that goes on.
func (d *drain) setPace(perSecond int) {
	d.pace = Pace{PerSecond: float64(perSecond)}
	d.schedule.perSecond = d.pace.PerSecond
}

// drainNodes begins to drain the nodes that the generation no longer has, and watches those whose
// sessions leave when they are down, if their pools want that. Sessions that are still being connected
// to a removed node leave once they have reached it. present are the nodes of g.
func (srv *Server) drainNodes(before, g *generation, present map[nodeName]bool) {
	ds := srv.drains
	ds.mu.Lock()
	defer ds.mu.Unlock()
	if before != nil {
		for _, p := range before.sessionPools {
			perSecond := p.RemovedNodesRate
			if after := g.sessionPools[p.Name]; after != nil {
				perSecond = after.RemovedNodesRate
			}
			for _, n := range p.Nodes() {
				if name := (nodeName{p.Name, n.Name}); !present[name] && perSecond > 0 {
					srv.drainOne(removedNode, p, n, perSecond)
				}
			}
		}
	}
	for _, p := range g.sessionPools {
		if p.DownNodesRate > 0 {
			for _, n := range p.Nodes() {
				srv.drainOne(downNode, p, n, p.DownNodesRate)
			}
		}
	}
	ds.wakeUp()
}

// drainOne makes the drain of a node in one pool, or brings it up to date.
func (srv *Server) drainOne(cause drainCause, p *snapshot.Pool, n *balancer.Node, perSecond int) {
	key := drainKey{nodeName{p.Name, n.Name}, cause}
	d := srv.drains.all[key]
	if d == nil {
		d = &drain{cause: cause, name: key.nodeName}
		srv.drains.all[key] = d
	}
	d.pool, d.nodes = p, map[string]*balancer.Node{p.Name: n}
	if cause == downNode {
		d.down.Store(n)
	}
	d.setPace(perSecond)
}
