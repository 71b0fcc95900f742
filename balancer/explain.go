package balancer

import (
	"fmt"
	"slices"
	"time"
)

// Choice is a node with its place among the nodes that one session would try now.
type Choice struct {
	Node   *Node
	Chosen bool   // the session goes to it, unless it cannot be reached
	Probed string // "down by its health checks", where they are a reason, which package health knows; empty: they are none
	Why    string // such as "first by its hash"; after Probed the rest of the reason, which may be empty
}

// Explain returns the nodes of the pool as a session of the client would try them now: its candidates in
// their order, those of later tiers, and then the nodes that are not candidates. If the client has no key, or the pool hashes no
// field, chance or load decides: then no node is chosen, and all are in configuration order.
//
// Explain takes no place on a node and no turn. The order is that of Candidates; the reasons are read after it, so a node
// that changes its state meanwhile may have a reason of its new state.
func (p *Pool) Explain(client Client) []Choice {
	if !client.Keyed || p.HashKey == NoKey {
		return p.explainWithoutKey()
	}
	var choices []Choice
	tried := map[*Node]bool{}
	byKey, reached := p.byKey(client.Key), false
	start := p.Candidates(client)
	for candidates, ok := start, true; ok; candidates, ok = start.Below(&candidates) {
		var tier []Choice
		var orders []order
		for n := candidates.Next(); n != nil; n = candidates.Next() {
			tier, orders = append(tier, Choice{Node: n}), append(orders, candidates.walk.order)
			tried[n] = true
		}
		if reached {
			for i := range tier {
				tier[i].Why = tier[i].Node.notInUse()
			}
		} else {
			p.explainTier(client, tier, orders, byKey)
		}
		reached = reached || slices.ContainsFunc(tier, func(c Choice) bool { return !c.Node.unresolved() })
		choices = append(choices, tier...)
	}
	for _, n := range byKey {
		if !tried[n] {
			choices = append(choices, n.exclusion())
		}
	}
	return choices
}

// explainTier gives the candidates of the tier that the client comes to their reasons. If no node is up, they are those
// of all tiers.
func (p *Pool) explainTier(client Client, choices []Choice, orders []order, byKey []*Node) {
	home := slices.IndexFunc(byKey, func(n *Node) bool { return slices.ContainsFunc(choices, func(c Choice) bool { return c.Node == n }) })
	chosen := false
	for i := range choices {
		c := &choices[i]
		place, hindrance, busy := "next by its hash", c.Node.hindrance(), c.Node.Busy()
		if c.Node == byKey[home] {
			place = "first by its hash"
		}
		if orders[i] < lastResort {
			place += c.Node.inUse()
		}
		switch {
		case hindrance != "":
			c.Why = hindrance
		case orders[i] == postponed:
			c.Why = place + ", but it comes later: " + p.postponement(client, c.Node)
		case busy != "":
			c.Why = place + ", but " + busy
		default:
			c.Why = place
		}
		switch {
		case orders[i] < lastResort:
		case c.Node.Health() == Draining:
			c.Probed, c.Why = c.Node.probed(), "but no node is up: "+c.Why
		default:
			c.Why = "last resort, since no node is up: " + c.Why
		}
		if hindrance == "" && !chosen && (busy == "" || client.Persistent) {
			c.Chosen, chosen = true, true
		}
	}
	if !chosen { // a client without state on a node waits for one that is busy
		if i := slices.IndexFunc(choices, func(c Choice) bool { return c.Node.hindrance() == "" }); i >= 0 {
			choices[i].Chosen = true
		}
	}
}

// explainWithoutKey explains the nodes to a session for which chance or load decides.
func (p *Pool) explainWithoutKey() (choices []Choice) {
	candidate, use := (*Node).isUp, p.inUse()
	last := use == nil
	if last {
		candidate = (*Node).mayBeTried
	}
	for _, n := range p.nodes {
		c := Choice{Node: n, Why: "may be chosen" + n.inUse()}
		switch hindrance := n.hindrance(); {
		case !candidate(n):
			c = n.exclusion()
		case !last && n.tier != use:
			c.Why = n.notInUse()
		case hindrance != "":
			c.Why = hindrance
		case last:
			c.Why = "last resort, since no node is up: may be chosen"
		case n.IsOutlier():
			c.Why = "after the others: " + n.outlying()
		case n.Ramp() < 1:
			c.Why += ": " + n.ramping()
		}
		choices = append(choices, c)
	}
	return choices
}

// inUse says why the node is used that is not of the first tier.
func (n *Node) inUse() string {
	switch n.tier {
	case &n.tier.pool.top:
		return ""
	case n.tier.pool.inUse():
		return "; " + n.Precedence.String() + ", in use since no node before it is up"
	}
	return "; " + n.Precedence.String() + ", tried since no node before it can be reached"
}

// notInUse says why the node is not used, although it is up.
func (n *Node) notInUse() string {
	return n.Precedence.String() + ": used when no node before it is up, or can be reached"
}

// postponement says why a candidate comes after those that are not postponed.
func (p *Pool) postponement(client Client, n *Node) string {
	l := n.tier.load(n)
	switch {
	case n.IsOutlier():
		return n.outlying()
	case client.Persistent:
	case !n.takesInRamp(client.Key):
		return n.ramping()
	case p.maxLoad != 0 && n.Overloaded() && l.open < l.bound(p.maxLoad):
		return fmt.Sprintf("was over max_load %v, until it has fewer than %d sessions: %d", p.maxLoad, l.bound(middle(p.maxLoad)), l.open)
	case p.maxLoad != 0 && n.Overloaded():
		return fmt.Sprintf("over max_load %v: %d of %d sessions", p.maxLoad, l.open, l.bound(p.maxLoad))
	}
	return "it was so a moment ago"
}

// outlying describes an outlier.
func (n *Node) outlying() string {
	left := (n.OutlierFor() + time.Second - 1).Truncate(time.Second)
	return "an outlier for another " + left.String()
}

// ramping describes a node in its slow start.
func (n *Node) ramping() string {
	return fmt.Sprintf("slow start, %d %%", int(100*n.Ramp()))
}

// Full reports whether the node is at its MaxConnections.
func (n *Node) Full() bool { return n.MaxConnections > 0 && n.Open() >= int64(n.MaxConnections) }

// hindrance says why a session passes over a candidate; empty: it does not.
func (n *Node) hindrance() string {
	switch {
	case n.Full():
		return fmt.Sprintf("at its limit of %d sessions", n.MaxConnections)
	case len(n.Addrs()) == 0:
		return "its host name is not resolved"
	}
	return ""
}

// unresolved reports whether the host name of the node has no address: a session cannot reach it.
func (n *Node) unresolved() bool { return n.LookedUp() && len(n.Addrs()) == 0 }

// exclusion says why a node is no candidate.
func (n *Node) exclusion() Choice {
	c := Choice{Node: n}
	switch n.Operator() {
	case Draining:
		c.Why = "draining by the operator"
	case Down:
		c.Why = "disabled by the operator"
	case Up:
		if c.Probed = n.probed(); c.Probed == "" {
			c.Why = "it has just come up"
		}
	}
	return c
}

// probed says that the health checks have found the node not up; empty: they have not.
func (n *Node) probed() string {
	if s := n.Health(); s != Up {
		return s.String() + " by its health checks"
	}
	return ""
}

// byKey returns all nodes, tier by tier, in key order.
func (p *Pool) byKey(key uint64) (nodes []*Node) {
	anyState := func(*Node) bool { return true }
	for t := &p.top; t != nil; t = t.next {
		for rank := t.after(key, -1, anyState); rank >= 0; rank = t.after(key, rank, anyState) {
			nodes = append(nodes, t.ranked[rank])
		}
	}
	return nodes
}
