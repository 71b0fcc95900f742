package snapshot

import (
	"context"
	"math"
	"net"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/tlsterm"
)

// TLS configures how a listener terminates its clients' TLS.
type TLS struct {
	Terminator *tlsterm.Terminator
	Gate       *tlsterm.Gate
	Timeout    time.Duration // for a handshake, with its wait at the gate

	// Identity is the field of a CONNECT that the client's certificate must name.
	Identity Identity

	// KeepRevoked lets the sessions go on whose certificates the CRLs revoke that are loaded later.
	KeepRevoked bool
}

// NodeTLS configures TLS to the nodes of a pool.
type NodeTLS struct {
	Originator *tlsterm.Originator

	// Gates limit the handshakes of sessions, by node name, so that a node that hangs
	// holds up no other.
	Gates map[string]*tlsterm.Gate
}

// NewNodeTLS returns a NodeTLS for nodes, with a limit for the handshakes that run at
// once with each node.
func NewNodeTLS(o *tlsterm.Originator, nodes []*balancer.Node) *NodeTLS {
	t := &NodeTLS{Originator: o, Gates: make(map[string]*tlsterm.Gate)}
	for _, n := range nodes {
		t.Gates[n.Name] = tlsterm.NewGate(NodeHandshakes, 0, math.MaxInt)
	}
	return t
}

// Inherit takes over from the pool's previous TLS: the gates of the nodes that stay, with
// their counts, and the sessions that can be resumed. Call it before using t. old remains
// usable and may be nil.
func (t *NodeTLS) Inherit(old *NodeTLS) {
	if old == nil {
		return
	}
	for name := range t.Gates {
		if gate := old.Gates[name]; gate != nil {
			t.Gates[name] = gate
		}
	}
	t.Originator.Inherit(old.Originator)
}

// Secure makes the TLS handshake with a node of the pool on an open connection. It is for probes and HTTP requests,
// which do not wait at the gate.
func (t *NodeTLS) Secure(ctx context.Context, conn net.Conn, n *balancer.Node) (net.Conn, error) {
	s, err := t.Originator.Connect(ctx, conn, n.Name)
	if err != nil {
		return nil, err
	}
	return s.Conn(), nil
}
