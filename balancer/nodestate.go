package balancer

import (
	"net/netip"
	"sync/atomic"
	"time"
)

// The state of a node is split into the parts that a Registry shares among nodes. The
// Registry has weak pointers to the parts. A part must not be so small that the allocator
// puts it into one block with other objects: the whole block would stay alive with any of
// them.

// operatorWord is what the operator wants of a node.
type operatorWord struct {
	name  string
	state atomic.Uint32 // State

	cameUp atomic.Int64 // when the word became Up again, in the time of now; 0: it always was
}

// sessionCount counts the open sessions of a node.
type sessionCount struct {
	open atomic.Int64
	_    [56]byte // fills a cache line, because every session writes to open
}

// condition is the state of one address of a node.
type condition struct {
	health atomic.Uint32 // State, the verdict of the health checks
	cameUp atomic.Int64  // when health became Up again, in the time of now; 0: it always was
	addrs  atomic.Pointer[[]netip.AddrPort]
}

var began = time.Now()

// now returns the time in ns of a monotonic clock that begins at 1.
func now() int64 { return int64(time.Since(began)) + 1 }
