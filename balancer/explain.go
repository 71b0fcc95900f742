package balancer

import "fmt"

// Choice is a node with its place among the nodes that one session would try now.
type Choice struct {
	Node   *Node
	Chosen bool   // the session goes to it, unless it cannot be reached
	Why    string // such as "first by its hash"
}

// Explain returns the nodes of the pool as a session with the key would try them now: its candidates in
// their order, and then the nodes that are not candidates. If keyed is false, or the pool hashes no
// field, chance or load decides: then no node is chosen, and all are in configuration order.
//
// Explain changes nothing. The order is that of Candidates; the reasons are read after it, so a node
// that changes its state meanwhile may have a reason of its new state.
func (p *Pool) Explain(key uint64, keyed bool) []Choice {
	var choices []Choice
	tried := map[*Node]bool{}
	if keyed && p.HashKey != NoKey {
		candidates := p.Candidates(Client{Key: key, Keyed: true})
		place, chosen := "first by its hash", false
		for n := candidates.Next(); n != nil; n = candidates.Next() {
			c := Choice{Node: n, Why: place}
			if hindrance := n.hindrance(); hindrance != "" {
				c.Why = hindrance
			} else if !chosen {
				c.Chosen, chosen = true, true
			}
			if candidates.walk.order == lastResort {
				c.Why = "last resort, since no node is up: " + c.Why
			}
			choices = append(choices, c)
			tried[n], place = true, "next by its hash"
		}
		for _, n := range p.byKey(key) {
			if !tried[n] {
				choices = append(choices, Choice{Node: n, Why: n.exclusion()})
			}
		}
		return choices
	}
	candidate, lastResort := (*Node).isUp, p.Up() == 0
	if lastResort {
		candidate = (*Node).mayBeTried
	}
	for _, n := range p.nodes {
		c := Choice{Node: n, Why: "may be chosen"}
		switch hindrance := n.hindrance(); {
		case !candidate(n):
			c.Why = n.exclusion()
		case hindrance != "":
			c.Why = hindrance
		case lastResort:
			c.Why = "last resort, since no node is up: may be chosen"
		}
		choices = append(choices, c)
	}
	return choices
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
func (n *Node) exclusion() string {
	switch n.Operator() {
	case Draining:
		return "draining by the operator"
	case Down:
		return "disabled by the operator"
	case Up:
	}
	if n.Health() == Up {
		return "it has just come up"
	}
	return "down by its health checks"
}

// byKey returns all nodes in key order.
func (p *Pool) byKey(key uint64) (nodes []*Node) {
	anyState := func(*Node) bool { return true }
	for rank := p.after(key, -1, anyState); rank >= 0; rank = p.after(key, rank, anyState) {
		nodes = append(nodes, p.ranked[rank])
	}
	return nodes
}
