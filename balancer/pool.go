package balancer

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// PoolSpec is the configuration of a pool.
type PoolSpec struct {
	Name      string
	Algorithm Algorithm
	HashKey   HashKey // used only by ConsistentHash
	Nodes     []NodeSpec

	// SlowStart is how long a node that has come up again takes only a growing part of its load;
	// 0: it takes all of it at once. See Node.Ramp.
	SlowStart time.Duration

	// MaxLoad limits the sessions of a node relative to its fair share: a client without state on
	// its node goes to the next candidate while the node has more. From MinMaxLoad to MaxMaxLoad;
	// 0: there is no such limit. Valid only if the algorithm hashes a field.
	MaxLoad float64

	// Outliers says that nodes that fail far more often than their peers come last among the
	// candidates for a while. See Pool.Judge.
	Outliers bool
	// Queue bounds the sessions that wait for a node with a ConnectRate.
	Queue Queue
}

// Pool is a set of nodes that serve the same clients, and the algorithm that chooses
// among those of the first precedence of which a node is up. The exported fields never change.
type Pool struct {
	Name      string
	Algorithm Algorithm
	HashKey   HashKey // the field that the algorithm hashes: BySourceIP for SourceIP, NoKey if it hashes none

	nodes []*Node                    // in configuration order
	known map[*Node][]netip.AddrPort // NodeSpec.Addrs, where there are more than one

	top tier // the first; the others follow it

	maxLoad    float64 // 0: none
	movesClean bool    // a client without state on its node may be sent elsewhere
	outliers   bool
}

// maxNodes is how many nodes a pool can have: Candidates keep the rank of a node in 16 bits.
const maxNodes = math.MaxInt16

// NewPool builds a pool. The error names every fault of the spec. A pool may have no nodes,
// and then it has no candidates. A node whose address
// holds a literal IP has its Addrs at once; other nodes get them from SetAddrs.
func NewPool(spec PoolSpec) (*Pool, error) {
	p := &Pool{Name: spec.Name, Algorithm: spec.Algorithm, HashKey: spec.HashKey, maxLoad: spec.MaxLoad, outliers: spec.Outliers}
	p.movesClean = spec.MaxLoad != 0 || spec.SlowStart != 0
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("pool %q: "+format, append([]any{spec.Name}, args...)...))
	}
	switch spec.Algorithm {
	case ConsistentHash:
		if spec.HashKey >= NoKey {
			fault("algorithm consistent_hash needs a hash_key")
		}
	case SourceIP:
		p.HashKey = BySourceIP
	case LeastConnections, RoundRobin, RandomTwo:
		p.HashKey = NoKey
	default:
		fault("algorithm %d is unknown", spec.Algorithm)
	}
	if len(spec.Nodes) > maxNodes {
		fault("it has %d nodes; at most %d are possible", len(spec.Nodes), maxNodes)
	}
	switch {
	case spec.MaxLoad == 0:
	case !(spec.MaxLoad >= MinMaxLoad && spec.MaxLoad <= MaxMaxLoad): // also NaN
		fault("max_load %v is not from %v to %v", spec.MaxLoad, MinMaxLoad, MaxMaxLoad)
	case p.HashKey == NoKey:
		fault("max_load has no meaning with algorithm %v, which hashes no field", spec.Algorithm)
	}
	names := make(map[string]bool)
	for i, s := range spec.Nodes {
		if s.Name == "" {
			fault("node %d has no name", i+1)
		} else if names[s.Name] {
			fault("two nodes are named %q", s.Name)
		}
		names[s.Name] = true
		n, err := newNode(s)
		if err != nil {
			fault("node %q: %w", s.Name, err)
			continue
		}
		n.slowStart, n.queue = spec.SlowStart, spec.Queue
		if len(s.Addrs) > 1 {
			if p.known == nil {
				p.known = map[*Node][]netip.AddrPort{}
			}
			p.known[n] = s.Addrs
			n.SetAddrs(s.Addrs)
		}
		p.nodes = append(p.nodes, n)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	p.setTiers()
	return p, nil
}

// Nodes returns the nodes in configuration order. The caller must not change the slice.
func (p *Pool) Nodes() []*Node { return p.nodes }

// Up returns how many nodes are up.
func (p *Pool) Up() (up int) {
	for _, n := range p.nodes {
		if n.isUp() {
			up++
		}
	}
	return up
}

// Has reports whether the pool has a node of this name.
func (p *Pool) Has(name string) bool {
	return slices.ContainsFunc(p.nodes, func(n *Node) bool { return n.Name == name })
}

// HasUp reports whether a node is up.
func (p *Pool) HasUp() bool { return slices.ContainsFunc(p.nodes, (*Node).isUp) }

// HasOtherUp reports whether a node other than that of this name is up.
func (p *Pool) HasOtherUp(name string) bool {
	return slices.ContainsFunc(p.nodes, func(n *Node) bool { return n.Name != name && n.isUp() })
}

func newNode(s NodeSpec) (*Node, error) {
	host, portText, err := net.SplitHostPort(s.Address)
	if err != nil {
		return nil, fmt.Errorf("address %q is not host:port", s.Address)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("address %q: the port is not a number from 1 to 65535", s.Address)
	}
	if host == "" {
		return nil, fmt.Errorf("address %q has no host", s.Address)
	}
	if s.Weight < 0 || s.Weight > MaxWeight {
		return nil, fmt.Errorf("weight %d is not from 1 to %d", s.Weight, MaxWeight)
	}
	if s.MaxConnections < 0 {
		return nil, fmt.Errorf("max_connections %d is negative", s.MaxConnections)
	}
	if s.ConnectRate < 0 {
		return nil, fmt.Errorf("connect_rate %d is negative", s.ConnectRate)
	}
	if s.Priority < 0 || s.Priority > MaxPriority {
		return nil, fmt.Errorf("priority %d is not from 0 to %d", s.Priority, MaxPriority)
	}
	n := &Node{
		Name: s.Name, Address: s.Address, Host: host, Port: uint16(port),
		Precedence: Precedence{s.Backup, uint16(s.Priority)}, Weight: cmp.Or(s.Weight, 1), MaxConnections: s.MaxConnections, ConnectRate: s.ConnectRate, HealthPort: s.HealthPort,
		operator: &operatorWord{name: s.Name}, count: &sessionCount{visits: new(visits)}, condition: newCondition(), schedule: newSchedule(),
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		n.SetAddrs([]netip.AddrPort{netip.AddrPortFrom(ip.Unmap(), n.Port)})
	}
	return n, nil
}
