package config

import (
	"slices"
	"strconv"
)

// maxPriority is the greatest priority of a node, as in an SRV record.
const maxPriority = 65535

// A tier is the nodes of a pool that are used together: those of one priority, or backups of one priority.
type tier struct {
	backup   bool
	priority int
}

func (n *Node) tier() tier { return tier{n.Backup, n.Priority} }

// tiers returns the nodes of the pool by tier, in no order.
func (p *Pool) tiers() map[tier][]Node {
	tiers := map[tier][]Node{}
	for _, n := range p.Nodes {
		tiers[n.tier()] = append(tiers[n.tier()], n)
	}
	return tiers
}

// onlyBackups reports whether each node of the pool is a backup.
func (p *Pool) onlyBackups() bool {
	return len(p.Nodes) > 0 && (p.Discover == nil || p.Discover.Backup) && !slices.ContainsFunc(p.Nodes, func(n Node) bool { return !n.Backup })
}

// use says for the summary when a node is used.
func (n *Node) use() string {
	switch {
	case n.Backup && n.Priority > 0:
		return "backup, priority " + strconv.Itoa(n.Priority)
	case n.Backup:
		return "backup"
	}
	return "priority " + strconv.Itoa(n.Priority)
}

// warnTiers warns of nodes that are never used before others, or never after them.
func warnTiers(p *Pool, s *source, at string) {
	if p.onlyBackups() {
		s.warnf(child(item(child(at, "nodes"), 0), "backup"), "every node of the pool is a backup: they are used as if none was")
	}
	if len(p.tiers()) < 2 || !p.Health.Uses(ProbeNone) {
		return
	}
	for i := range p.Nodes {
		for _, key := range []string{"backup", "priority"} {
			if path := child(item(child(at, "nodes"), i), key); s.written(path) {
				s.warnf(path, "with probe none no node is ever down: later nodes get only the clients that cannot reach any of those before")
				return
			}
		}
	}
}
