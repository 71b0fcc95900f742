package balancer

import (
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
	open       atomic.Int64
	overloaded atomic.Bool  // the last decision about the node's max_load
	served     atomic.Int64 // open sessions that the node has accepted
	visits     *visits      // the sessions at each address; apart, since few nodes have several
	_          [32]byte     // fills a cache line, because every session writes to open
}

// condition is the state of one address of a node.
type condition struct {
	verdict atomic.Uint32 // State, the verdict of the health checks; and outlier
	cameUp  atomic.Int64  // when the health became Up again, in the time of now; 0: it always was
	addrs   atomic.Pointer[addresses]

	unusable atomic.Pointer[unusable] // see Unusable

	outlierUntil atomic.Int64 // in the time of now; valid only for an outlier, which it is until Judge ends it
	seen         *attempts    // apart, so that the choice of a node among many touches less memory
	record       *record      // of seen
	silence      *silence     // apart for the same reason
}

func newCondition() *condition {
	return &condition{seen: new(attempts), record: new(record), silence: new(silence)}
}

// outlier is the bit of a verdict that Judge sets. It is in one word with the health, so that the choice
// of a node reads one word.
const outlier = 1 << 8

// judge replaces the bits of the mask in the verdict, and returns what they were.
func (c *condition) judge(mask, bits uint32) (before uint32) {
	for {
		v := c.verdict.Load()
		if c.verdict.CompareAndSwap(v, v&^mask|bits) {
			return v & mask
		}
	}
}

var began = time.Now()

// now returns the time in ns of a monotonic clock that begins at 1.
func now() int64 { return int64(time.Since(began)) + 1 }
