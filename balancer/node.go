package balancer

import (
	"net/netip"
	"time"
)

// MaxWeight is the greatest weight of a node, as in HAProxy. It limits the length of a
// round of RoundRobin, and so the time and memory that NewPool takes.
const MaxWeight = 256

// NodeSpec is the configuration of a node.
type NodeSpec struct {
	Name           string // the identity of the node; every replica and protocol hashes it
	Address        string // host:port; the host is a name, an IPv4 address or an IPv6 address in brackets
	Weight         int    // share relative to the pool's other nodes, 1 to MaxWeight; 0 means 1
	MaxConnections int    // limit of open sessions; 0 means no limit
	ConnectRate    int    // new sessions a second; 0 means no limit
	HealthPort     uint16 // see Node
	Priority       int    // see Precedence
	Backup         bool   // see Precedence

	Addrs []netip.AddrPort // all addresses, if there are more than that of Address
}

// Node is one broker address of a pool. The exported fields never change. The state
// belongs to the node alone or is shared with other nodes: see [Registry].
type Node struct {
	Name           string
	Address        string     // as configured
	Host           string     // of Address, without brackets
	Port           uint16     // of Address
	HealthPort     uint16     // the port that health checks ask, in place of the one of the pool; 0: that
	Precedence     Precedence // whether it is used before others, or only when they are not up
	Weight         int        // 1 to MaxWeight
	MaxConnections int        // 0 means no limit
	ConnectRate    int        // new sessions a second, see Admit; 0 means no limit

	slowStart time.Duration // of the pool
	queue     Queue         // of the pool

	operator  *operatorWord
	count     *sessionCount
	condition *condition
	schedule  *schedule
	tier      *tier // the nodes of its precedence
}

// Same reports whether n and other are the same address of the same node of the same
// pool, in two pools that joined one [Registry].
func (n *Node) Same(other *Node) bool { return n.condition == other.condition }

// State returns the worse of the operator's word and the verdict of the health checks.
func (n *Node) State() State {
	return State(max(n.operator.state.Load(), n.condition.verdict.Load()&^outlier))
}

func (n *Node) isUp() bool { return n.State() == Up }

// isPreferred reports whether the node comes before those that are postponed, for any client.
func (n *Node) isPreferred() bool {
	return n.operator.state.Load()|n.condition.verdict.Load() == uint32(Up)
}

// mayBeTried reports whether a session may try the node when no node is up: the
// operator's word must be Up, whatever the health checks say.
func (n *Node) mayBeTried() bool { return n.Operator() == Up }

// Operator returns the operator's word, Up until SetOperator is called.
func (n *Node) Operator() State { return State(n.operator.state.Load()) }

// SetOperator sets the operator's word. The health checks continue.
func (n *Node) SetOperator(s State) {
	if before := State(n.operator.state.Swap(uint32(s))); before != Up && s == Up {
		n.operator.cameUp.Store(now())
	}
}

// Ramp returns the part of its load that the node should take now: during the slow start of its pool,
// after the node has come up, it rises from 0 to 1; otherwise it is 1.
func (n *Node) Ramp() float64 { return n.rampAt(now()) }

// rampAt is Ramp at a time, which may be in the future.
func (n *Node) rampAt(t int64) float64 {
	since := n.cameUp()
	if n.slowStart == 0 || since == 0 {
		return 1
	}
	return max(min(float64(t-since)/float64(n.slowStart), 1), 0)
}

// cameUp returns when the node came up, in the time of now; 0: it always was.
func (n *Node) cameUp() int64 {
	return max(n.operator.cameUp.Load(), n.condition.cameUp.Load())
}

// Health returns the verdict of the health checks, Up until SetHealth is called.
func (n *Node) Health() State { return State(n.condition.verdict.Load() &^ outlier) }

// SetHealth sets the verdict of the health checks.
func (n *Node) SetHealth(s State) {
	if before := State(n.condition.judge(^uint32(outlier), uint32(s))); before != Up && s == Up {
		n.condition.cameUp.Store(now())
	}
}

// Acquire adds a session to the count of open sessions. When the node is at its
// MaxConnections, Acquire adds nothing and returns false. Call Release once for every
// Acquire that returned true.
func (n *Node) Acquire() bool {
	if n.MaxConnections == 0 {
		n.count.open.Add(1)
		return true
	}
	for {
		// If it added first and corrected the count later, a session that is being
		// refused could keep out another one that fits.
		open := n.count.open.Load()
		if open >= int64(n.MaxConnections) {
			return false
		}
		if n.count.open.CompareAndSwap(open, open+1) {
			return true
		}
	}
}

// Release removes a session from the count of open sessions.
func (n *Node) Release() { n.count.open.Add(-1) }

// Open returns the number of open sessions.
func (n *Node) Open() int64 { return n.count.open.Load() }

// OpenCount is a count of open sessions. Nodes that count together, see [Registry], have
// the same.
type OpenCount struct{ count *sessionCount }

// OpenCount returns the count that Acquire and Release change.
func (n *Node) OpenCount() OpenCount { return OpenCount{n.count} }

// Open returns the number of open sessions.
func (c OpenCount) Open() int64 { return c.count.open.Load() }

// lighter reports whether n would have fewer sessions than other, relative to weight, if
// each had one more. Because of this one session the node with more weight comes first
// when both are idle. During its ramp a node weighs less.
func (n *Node) lighter(other *Node) bool {
	if n.slowStart != 0 {
		return n.lighterInRamp(other)
	}
	return n.lighterByWeight(other)
}

// lighterByWeight is lighter for nodes of a pool without a slow start. The compiler can inline it.
func (n *Node) lighterByWeight(other *Node) bool {
	return (n.Open()+1)*int64(other.Weight) < (other.Open()+1)*int64(n.Weight)
}
