package main

import (
	"fmt"
	"strconv"
	"time"
)

// eventKind says what an event of the demo is about.
type eventKind uint8

const (
	joined   eventKind = iota // a client was seen for the first time
	moved                     // a client has come back on another node
	cameHome                  // the same, and it is the node that the balancer prefers
	left                      // a client has not come back
	started                   // a broker runs
	killed                    // a broker runs no more
	failed                    // a broker could not be started
	nodeDown                  // the balancer sends no more clients to a node
	nodeUp                    // the balancer sends clients to a node again
)

// event is something that a person who watches wants to know.
type event struct {
	at         time.Time
	kind       eventKind
	client     string // of joined, moved, cameHome, left
	addr       string // of joined: the client's own address, which the node knows by PROXY
	node       string
	from       string // of moved, cameHome
	fromKilled bool   // of moved: the broker it was on does not run
	err        error  // of failed
}

// String says what happened, in printable ASCII.
func (e event) String() string {
	client := printable(e.client)
	switch e.kind {
	case joined:
		return fmt.Sprintf("%s joined %s from %s", client, e.node, e.addr)
	case moved:
		if e.fromKilled {
			return fmt.Sprintf("%s moved from %s to %s: %s was killed", client, e.from, e.node, e.from)
		}
		return fmt.Sprintf("%s moved from %s to %s", client, e.from, e.node)
	case cameHome:
		return fmt.Sprintf("%s came home from %s to %s", client, e.from, e.node)
	case left:
		return fmt.Sprintf("%s left %s", client, e.node)
	case started:
		return e.node + " was started"
	case killed:
		return e.node + " was killed"
	case failed:
		return fmt.Sprintf("%s could not be started: %v", e.node, e.err)
	case nodeDown:
		return "the balancer has taken out " + e.node + ": it is down"
	case nodeUp:
		return "the balancer has taken in " + e.node + ": it is up"
	}
	panic("demo: an event of no kind")
}

// printable is an identifier as a terminal may have it. Identifiers come from
// anyone, and a terminal obeys some bytes.
func printable(id string) string {
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return strconv.QuoteToASCII(id)
		}
	}
	if id == "" {
		return `""`
	}
	return id
}
