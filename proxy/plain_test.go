//go:build !linux || plain

package proxy

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// checkEngine checks that no session is left.
func (r *rig) checkEngine() {
	r.t.Helper()
	e := r.srv.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := len(e.sessions); n > 0 {
		r.t.Errorf("%d sessions are left", n)
	}
}

// held is a buffer for each direction that waits for its reader: a goroutine
// that is parked in its write.
func (r *rig) held() (n int) {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for g := range strings.SplitSeq(string(stacks), "\n\n") {
		state, _, _ := strings.Cut(g, "\n")
		if strings.Contains(state, "[IO wait") && strings.Contains(g, ".(*FD).Write(") && strings.Contains(g, ".(*session).forward(") {
			n += copySize
		}
	}
	return n
}

// idleLimits are the idle limits of the sessions that have had their CONNACK,
// by identifier.
func (r *rig) idleLimits() map[string]time.Duration {
	e := r.srv.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	limits := map[string]time.Duration{}
	for s := range e.sessions {
		if s.flow != nil && !s.confirming {
			limits[s.id] = s.idle
		}
	}
	return limits
}

// needWebSocket skips a test where WebSocket is not served.
func needWebSocket(t *testing.T) { t.Skip(errNoEpoll) }
