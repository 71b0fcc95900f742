package balancer

import (
	"net/netip"
	"sync/atomic"
)

// The state of a node, in the parts that a Registry shares among nodes. The Registry
// has weak pointers to them, so none may be small enough for the allocator to put it
// into a block with others: such a block is freed as one.

// operatorWord is the operator's word on a node.
type operatorWord struct {
	name  string
	state atomic.Uint32 // State
}

// sessionCount counts the open sessions of a node.
type sessionCount struct {
	open atomic.Int64
	_    [56]byte // a cache line of its own: every session writes to it
}

// condition is what is known of an address of a node.
type condition struct {
	health atomic.Uint32 // State, the health checks' verdict
	addrs  atomic.Pointer[[]netip.AddrPort]
}
