package main

import (
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxEvents is how many events a board remembers.
	maxEvents = 1000
	// forgetAfter is how long a client may be offline before it counts as having left.
	// It is longer than the longest retry of a device.
	forgetAfter = 6 * time.Second
)

// board records which client is on which node, and the state of the nodes. Brokers and
// balancer report to it. It may be used from any goroutine.
type board struct {
	home  func(client string) string // returns the client's preferred node
	names []string                   // of the nodes, in order

	mu      sync.Mutex // guards the fields below
	nodes   map[string]*nodeState
	clients map[string]*clientState
	outage  time.Time // when all nodes were last down
	tally   tally
	over    bool // the brokers stop with the demo
	events  []event
	dropped int           // how many events before events[0] were dropped
	grown   chan struct{} // closed, and replaced, when an event is added
}

// nodeState is the state of a node.
type nodeState struct {
	alive    bool // the broker runs
	up       bool // the balancer sends clients
	messages uint64
	sessions uint64 // that have begun
	kills    int
}

// clientState is the present connection of a client or, if it is not online, the last.
type clientState struct {
	node, home string // home is empty for a client without an identifier of its own
	addr       string // the client's address, as the node knows it
	online     bool
	moved      time.Time // zero: never
	gone       time.Time // valid only if not online
}

// newBoard makes a board of nodes that have not been started.
func newBoard(nodes []string, home func(client string) string) *board {
	b := &board{
		home:    home,
		names:   nodes,
		nodes:   make(map[string]*nodeState),
		clients: make(map[string]*clientState),
		grown:   make(chan struct{}),
	}
	for _, name := range nodes {
		b.nodes[name] = &nodeState{up: true}
	}
	return b
}

// clientConnected records that a client has its CONNACK. keyed is false for a client
// whose identifier the broker has assigned: such a client has no home.
func (b *board) clientConnected(node, client, addr string, keyed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes[node].sessions++
	c := b.clients[client]
	if c == nil {
		c = &clientState{node: node}
		if keyed {
			c.home = b.home(client)
		}
		b.clients[client] = c
		b.addLocked(event{kind: joined, client: client, node: node, addr: addr})
	} else if c.node != node {
		kind := moved
		if node == c.home {
			kind = cameHome
		}
		killed := !b.nodes[c.node].alive
		b.addLocked(event{kind: kind, client: client, from: c.node, node: node, fromKilled: killed})
		c.moved = time.Now()
		switch {
		case kind == cameHome:
			b.tally.cameHome++
		case killed && !c.online:
			b.tally.moved++
			b.tally.slowest = max(b.tally.slowest, c.moved.Sub(c.gone))
		}
	}
	c.node, c.addr, c.online = node, addr, true
}

// clientDisconnected records the end of a connection, unless the client has a newer one.
func (b *board) clientDisconnected(node, client, addr string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.clients[client]; c != nil && c.online && c.node == node && c.addr == addr {
		c.online, c.gone = false, time.Now()
	}
}

// forget removes clients that have been offline for forgetAfter. Time in which all nodes
// are down does not count.
func (b *board) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if !slices.ContainsFunc(b.names, func(name string) bool { return b.nodes[name].alive && b.nodes[name].up }) {
		b.outage = now
	}
	for id, c := range b.clients {
		if !c.online && now.Sub(c.gone) > forgetAfter && now.Sub(b.outage) > forgetAfter {
			b.addLocked(event{kind: left, client: id, node: c.node})
			b.tally.left++
			delete(b.clients, id)
		}
	}
}

// messagePublished counts a message from a client of the node.
func (b *board) messagePublished(node string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes[node].messages++
}

// brokerStarted records that a broker was started.
func (b *board) brokerStarted(node string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes[node].alive = true
	b.addLocked(event{kind: started, node: node})
}

// brokerKilled records that a broker was killed.
func (b *board) brokerKilled(node string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes[node].alive = false
	if !b.over {
		b.nodes[node].kills++
		b.addLocked(event{kind: killed, node: node})
	}
}

// end records that the demo ends: what is killed from now on is no event.
func (b *board) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
}

// brokerFailed records that a broker could not be started.
func (b *board) brokerFailed(node string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addLocked(event{kind: failed, node: node, err: err})
}

// setHealth records whether the balancer sends clients to a node.
func (b *board) setHealth(node string, up bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.nodes[node]
	if n.up == up {
		return
	}
	n.up = up
	kind := nodeDown
	if up {
		kind = nodeUp
	}
	b.addLocked(event{kind: kind, node: node})
}

func (b *board) addLocked(e event) {
	e.at = time.Now()
	b.events = append(b.events, e)
	if extra := len(b.events) - maxEvents; extra > 0 {
		b.events = slices.Delete(b.events, 0, extra)
		b.dropped += extra
	}
	close(b.grown)
	b.grown = make(chan struct{})
}

// since returns the events after the first n, the number of events so far, and a channel
// that is closed at the next event.
func (b *board) since(n int) (events []event, now int, more <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := min(max(n-b.dropped, 0), len(b.events))
	return slices.Clone(b.events[first:]), b.dropped + len(b.events), b.grown
}

// view is a board at one moment.
type view struct {
	nodes  []nodeView
	events []event // oldest first
}

type nodeView struct {
	name      string
	alive, up bool // see nodeState
	messages  uint64
	clients   []clientView // sorted by identifier
}

// online returns how many clients of the node are connected.
func (n *nodeView) online() (count int) {
	for _, c := range n.clients {
		if c.online {
			count++
		}
	}
	return count
}

type clientView struct {
	id string
	clientState
}

// view returns the present state of the board, with the last lastEvents events.
func (b *board) view(lastEvents int) view {
	b.mu.Lock()
	defer b.mu.Unlock()
	var v view
	for _, name := range b.names {
		n := b.nodes[name]
		nv := nodeView{name: name, alive: n.alive, up: n.up, messages: n.messages}
		for id, c := range b.clients {
			if c.node == name {
				nv.clients = append(nv.clients, clientView{id, *c})
			}
		}
		slices.SortFunc(nv.clients, func(x, y clientView) int { return strings.Compare(x.id, y.id) })
		v.nodes = append(v.nodes, nv)
	}
	v.events = slices.Clone(b.events[max(0, len(b.events)-lastEvents):])
	return v
}
