package main

import (
	"fmt"
	"strconv"
	"time"
)

// eventKind says what an event of the demo is about.
type eventKind uint8

const (
	joined   eventKind = iota // a client has connected for the first time
	moved                     // a client has reconnected to another node
	cameHome                  // a client has reconnected to its preferred node
	left                      // a client has not reconnected
	started                   // a broker was started
	killed                    // a broker was killed
	failed                    // a broker could not be started
	nodeDown                  // the balancer sends no more clients to a node
	nodeUp                    // the balancer sends clients to a node again
)

// event is a line in the log of the demo.
type event struct {
	at         time.Time
	kind       eventKind
	client     string // of joined, moved, cameHome, left
	addr       string // of joined: the client's address, which the node has from the PROXY header
	node       string
	from       string // of moved, cameHome
	fromKilled bool   // of moved: the broker named by from was killed
	err        error  // of failed
}

// String describes the event in printable ASCII.
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

// printable quotes an identifier that is not printable ASCII. Any client can choose an
// identifier, and a terminal would obey escape sequences in it.
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
