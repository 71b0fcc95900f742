//go:build linux

package storm

import "sync"

// ledger is what all nodes together have received.
type ledger struct {
	mu   sync.Mutex
	seen map[message]struct{} // guarded by mu
}

func newLedger() *ledger { return &ledger{seen: make(map[message]struct{})} }

// enter notes a message; a node does so before its PUBACK.
func (l *ledger) enter(m message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[m] = struct{}{}
}

// missing returns how many of the messages 1 to acked of a client no node has received.
func (l *ledger) missing(client, acked uint32) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for seq := uint32(1); seq <= acked; seq++ {
		if _, ok := l.seen[message{client, seq}]; !ok {
			n++
		}
	}
	return n
}

// count returns the number of different messages.
func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.seen)
}
