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
// their order, and then the nodes that are not candidates. If the client has no key, or the pool hashes no
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
	candidates, chosen := p.Candidates(client), false
	var orders []order
	for n := candidates.Next(); n != nil; n = candidates.Next() {
		choices, orders = append(choices, Choice{Node: n}), append(orders, candidates.walk.order)
		tried[n] = true
	}
	byKey := p.byKey(client.Key)
	home := slices.IndexFunc(byKey, func(n *Node) bool { return tried[n] })
	for i := range choices {
		c := &choices[i]
		place, hindrance, busy := "next by its hash", c.Node.hindrance(), c.Node.Busy()
		if c.Node == byKey[home] {
			place = "first by its hash"
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
	for _, n := range byKey {
		if !tried[n] {
			choices = append(choices, n.exclusion())
		}
	}
	return choices
}

// explainWithoutKey explains the nodes to a session for which chance or load decides.
func (p *Pool) explainWithoutKey() (choices []Choice) {
	candidate, last := (*Node).isUp, p.Up() == 0
	if last {
		candidate = (*Node).mayBeTried
	}
	for _, n := range p.nodes {
		c := Choice{Node: n, Why: "may be chosen"}
		switch hindrance := n.hindrance(); {
		case !candidate(n):
			c = n.exclusion()
		case hindrance != "":
			c.Why = hindrance
		case last:
			c.Why = "last resort, since no node is up: may be chosen"
		case n.IsOutlier():
			c.Why = "after the others: " + n.outlying()
		case n.Ramp() < 1:
			c.Why = "may be chosen: " + n.ramping()
		}
		choices = append(choices, c)
	}
	return choices
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
