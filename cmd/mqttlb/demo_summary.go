package main

import (
	"fmt"
	"io"
	"time"
)

// tally counts what has happened since the start of the demo.
type tally struct {
	moved    int           // reconnected to another node, because their broker was killed
	slowest  time.Duration // of these: from the end of the connection to the next one
	cameHome int
	left     int
}

// printSummary prints what has happened in the demo.
func printSummary(w io.Writer, b *board, ran time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fmt.Fprintf(w, "The demo ran for %s:\n", ran.Round(time.Second))
	for _, name := range b.names {
		n := b.nodes[name]
		fmt.Fprintf(w, "  %-10s %s, %s%s\n", name, count(n.sessions, "session"), count(n.messages, "message"), times(n.kills))
	}
	t := &b.tally
	if t.moved > 0 {
		fmt.Fprintf(w, "%s moved when their broker was killed; the slowest was back after %s.\n", count(t.moved, "client"), t.slowest.Round(time.Millisecond))
	}
	if t.cameHome > 0 {
		fmt.Fprintf(w, "%s came home when their broker was up again.\n", count(t.cameHome, "client"))
	}
	if t.left > 0 {
		fmt.Fprintf(w, "%s left and did not come back.\n", count(t.left, "client"))
	}
}

// times says how often a broker was killed.
func times(kills int) string {
	switch kills {
	case 0:
		return ""
	case 1:
		return ", killed once"
	default:
		return fmt.Sprintf(", killed %d times", kills)
	}
}
