package balancer

import (
	"net/netip"
	"slices"
)

// MaxWeight is the greatest weight of a node, as in HAProxy. It bounds the length of
// one round of RoundRobin, and with it the time and memory of NewPool.
const MaxWeight = 256

// NodeSpec is a node as the configuration has it.
type NodeSpec struct {
	Name           string // its identity: what is hashed, on every replica and over every protocol
	Address        string // host:port; the host is a name, an IPv4 address or an IPv6 address in brackets
	Weight         int    // its share beside the pool's other nodes, 1 to MaxWeight; 0 means 1
	MaxConnections int    // most open sessions; 0 means no limit
}

// Node is one broker address of a pool. The exported fields never change. The state
// is the node's own, or shared with other nodes: see [Registry].
type Node struct {
	Name           string
	Address        string // as configured
	Host           string // of Address, without brackets
	Port           uint16 // of Address
	Weight         int    // 1 to MaxWeight
	MaxConnections int    // 0 means no limit

	operator  *operatorWord
	count     *sessionCount
	condition *condition
}

// Same reports whether n and other stand for the same address of the same node of
// the same pool, in two pools that joined one [Registry].
func (n *Node) Same(other *Node) bool { return n.condition == other.condition }

// State returns what the operator's word and the health checks' verdict make
// together: the worse of the two.
func (n *Node) State() State {
	return State(max(n.operator.state.Load(), n.condition.health.Load()))
}

func (n *Node) isUp() bool { return n.State() == Up }

// mayBeTried reports whether a session may be tried on the node when no node is up:
// the operator has not taken it out, whatever the health checks say.
func (n *Node) mayBeTried() bool { return n.Operator() == Up }

// Operator returns the operator's word, Up until it was set.
func (n *Node) Operator() State { return State(n.operator.state.Load()) }

// SetOperator sets the operator's word. The health checks go on beside it.
func (n *Node) SetOperator(s State) { n.operator.state.Store(uint32(s)) }

// Healthy returns the health checks' verdict, true until it was set.
func (n *Node) Healthy() bool { return State(n.condition.health.Load()) == Up }

// SetHealth sets the health checks' verdict.
func (n *Node) SetHealth(up bool) {
	if up {
		n.condition.health.Store(uint32(Up))
	} else {
		n.condition.health.Store(uint32(Down))
	}
}

// Acquire counts a session in. It returns false, and counts nothing, when the
// node is at its MaxConnections. Every Acquire that returned true is followed
// by one Release.
func (n *Node) Acquire() bool {
	if n.MaxConnections == 0 {
		n.count.open.Add(1)
		return true
	}
	for {
		// Adding first and taking back would let a session that is being
		// refused keep out one that fits.
		open := n.count.open.Load()
		if open >= int64(n.MaxConnections) {
			return false
		}
		if n.count.open.CompareAndSwap(open, open+1) {
			return true
		}
	}
}

// Release counts a session out.
func (n *Node) Release() { n.count.open.Add(-1) }

// Open returns how many sessions are counted in.
func (n *Node) Open() int64 { return n.count.open.Load() }

// Addrs returns what Address resolves to now, in the order in which to dial.
// It is empty until a host name was resolved. The caller must not change it.
func (n *Node) Addrs() []netip.AddrPort {
	if addrs := n.condition.addrs.Load(); addrs != nil {
		return *addrs
	}
	return nil
}

// SetAddrs replaces what Address resolves to.
func (n *Node) SetAddrs(addrs []netip.AddrPort) {
	addrs = slices.Clone(addrs)
	n.condition.addrs.Store(&addrs)
}

// lighter reports whether n would carry less for its weight than other if each
// took one session more. That one session lets the heavier of two idle nodes
// come first.
func (n *Node) lighter(other *Node) bool {
	return (n.Open()+1)*int64(other.Weight) < (other.Open()+1)*int64(n.Weight)
}
