package snapshot

import (
	"context"
	"math"
	"net"
	"net/netip"
	"slices"
	"time"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/tlsterm"
)

// TLS says how a listener ends the TLS of its clients.
type TLS struct {
	Terminator *tlsterm.Terminator
	Gate       *tlsterm.Gate
	Timeout    time.Duration // for a handshake, its wait at the gate included

	// Identity is what of a CONNECT the client's certificate must name.
	Identity Identity
}

// NodeTLS says how TLS is spoken to the nodes of a pool.
type NodeTLS struct {
	Originator *tlsterm.Originator

	// Gates are for the handshakes of sessions, by the name of the node: one that
	// hangs holds up no other.
	Gates map[string]*tlsterm.Gate
}

// NewNodeTLS returns how TLS is spoken by o to nodes, with a limit on the handshakes
// at once with each.
func NewNodeTLS(o *tlsterm.Originator, nodes []*balancer.Node) *NodeTLS {
	t := &NodeTLS{Originator: o, Gates: make(map[string]*tlsterm.Gate)}
	for _, n := range nodes {
		t.Gates[n.Name] = tlsterm.NewGate(NodeHandshakes, 0, math.MaxInt)
	}
	return t
}

// Inherit takes over from the pool's TLS before a change: the gates of the nodes that
// stay, so that their limits and counts go on, and the sessions that can be resumed. It
// is called before t is used; old may be used on beside it, or be nil.
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

// Secure makes the TLS handshake with a node of the pool, on a connection that is open: for probes and HTTP requests,
// which do not wait at the gate.
func (t *NodeTLS) Secure(ctx context.Context, conn net.Conn, n *balancer.Node) (net.Conn, error) {
	s, err := t.Originator.Connect(ctx, conn, n.Name)
	if err != nil {
		return nil, err
	}
	return s.Conn(), nil
}

// Identity is a field of the CONNECT that a client's certificate must name.
type Identity uint8

// The fields.
const (
	AnyIdentity Identity = iota
	ClientIDIdentity
	UsernameIdentity
)

// Allows reports whether a certificate names what the CONNECT says: its Common Name
// or one of its alternative names is equal to the field. An address has one spelling
// (RFC 5952): to a broker another one is another client.
func (i Identity) Allows(info *tlsterm.Info, c *mqttparse.Connect) bool {
	var want string
	switch i {
	case ClientIDIdentity:
		want = string(c.ClientID)
	case UsernameIdentity:
		want = string(c.Username)
	default:
		return true
	}
	return want != "" && info != nil && info.Verified && (info.CommonName == want ||
		slices.Contains(info.DNSNames, want) || slices.Contains(info.Emails, want) || slices.Contains(info.URIs, want) ||
		slices.ContainsFunc(info.IPs, func(a netip.Addr) bool { return a.String() == want }))
}
